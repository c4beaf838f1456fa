/* The TAP controller and the scan chain: TDI -> boundary scan -> CPU -> TDO. */
#include "jtag.h"

enum { CPU_ABORT = 0x8, CPU_DPACC = 0xa, CPU_APACC = 0xb, CPU_IDCODE = 0xe };
#define DAP_BITS 35
#define ACK_OK 2u

static const uint8_t next_state[16][2] = {
    [VB_TAP_RESET] = {VB_TAP_IDLE, VB_TAP_RESET},
    [VB_TAP_IDLE] = {VB_TAP_IDLE, VB_TAP_SELECT_DR},
    [VB_TAP_SELECT_DR] = {VB_TAP_CAPTURE_DR, VB_TAP_SELECT_IR},
    [VB_TAP_CAPTURE_DR] = {VB_TAP_SHIFT_DR, VB_TAP_EXIT1_DR},
    [VB_TAP_SHIFT_DR] = {VB_TAP_SHIFT_DR, VB_TAP_EXIT1_DR},
    [VB_TAP_EXIT1_DR] = {VB_TAP_PAUSE_DR, VB_TAP_UPDATE_DR},
    [VB_TAP_PAUSE_DR] = {VB_TAP_PAUSE_DR, VB_TAP_EXIT2_DR},
    [VB_TAP_EXIT2_DR] = {VB_TAP_SHIFT_DR, VB_TAP_UPDATE_DR},
    [VB_TAP_UPDATE_DR] = {VB_TAP_IDLE, VB_TAP_SELECT_DR},
    [VB_TAP_SELECT_IR] = {VB_TAP_CAPTURE_IR, VB_TAP_RESET},
    [VB_TAP_CAPTURE_IR] = {VB_TAP_SHIFT_IR, VB_TAP_EXIT1_IR},
    [VB_TAP_SHIFT_IR] = {VB_TAP_SHIFT_IR, VB_TAP_EXIT1_IR},
    [VB_TAP_EXIT1_IR] = {VB_TAP_PAUSE_IR, VB_TAP_UPDATE_IR},
    [VB_TAP_PAUSE_IR] = {VB_TAP_PAUSE_IR, VB_TAP_EXIT2_IR},
    [VB_TAP_EXIT2_IR] = {VB_TAP_SHIFT_IR, VB_TAP_UPDATE_IR},
    [VB_TAP_UPDATE_IR] = {VB_TAP_IDLE, VB_TAP_SELECT_DR},
};

static void load(vb_tap *tap, uint64_t value, uint32_t bits) {
    tap->shift = value;
    tap->shift_bits = bits;
}

static void capture_data(vb_tap *tap) {
    if (tap->instruction == tap->idcode_instruction)
        load(tap, tap->idcode, 32);
    else
        load(tap, 0, 1); /* BYPASS, and every instruction we have no register for */
}

static bool is_dap_instruction(uint32_t instruction) {
    return instruction == CPU_DPACC || instruction == CPU_APACC || instruction == CPU_ABORT;
}

static void capture(vb_jtag *jtag) {
    if (jtag->state == VB_TAP_CAPTURE_IR) {
        load(&jtag->cpu, 1, jtag->cpu.ir_bits);
        load(&jtag->boundary, 1, jtag->boundary.ir_bits);
        return;
    }
    capture_data(&jtag->boundary);
    if (is_dap_instruction(jtag->cpu.instruction))
        load(&jtag->cpu, (uint64_t)jtag->dap.response << 3 | ACK_OK, DAP_BITS);
    else
        capture_data(&jtag->cpu);
}

static void shift(vb_jtag *jtag, uint64_t tdi) {
    vb_tap *cpu = &jtag->cpu, *boundary = &jtag->boundary;
    if (boundary->idcode) {
        uint64_t between = boundary->shift & 1;
        boundary->shift = boundary->shift >> 1 | tdi << (boundary->shift_bits - 1);
        tdi = between;
    }
    cpu->shift = cpu->shift >> 1 | tdi << (cpu->shift_bits - 1);
}

static void update(vb_jtag *jtag) {
    if (jtag->state == VB_TAP_UPDATE_IR) {
        jtag->cpu.instruction = (uint32_t)jtag->cpu.shift;
        jtag->boundary.instruction = (uint32_t)jtag->boundary.shift;
    } else if (jtag->cpu.instruction == CPU_DPACC || jtag->cpu.instruction == CPU_APACC) {
        vb_dap_request(jtag, jtag->cpu.instruction == CPU_APACC, jtag->cpu.shift);
    }
    /* ABORT has nothing to end: no transfer is ever under way between scans. */
}

void vb_tap_reset(vb_jtag *jtag) {
    jtag->state = VB_TAP_RESET;
    jtag->cpu.instruction = jtag->cpu.idcode_instruction;
    jtag->boundary.instruction = jtag->boundary.idcode_instruction;
}

void vb_tap_clock(vb_jtag *jtag, int tms, int tdi) {
    switch (jtag->state) {
    case VB_TAP_CAPTURE_DR:
    case VB_TAP_CAPTURE_IR:
        capture(jtag);
        break;
    case VB_TAP_SHIFT_DR:
    case VB_TAP_SHIFT_IR:
        shift(jtag, (uint64_t)tdi);
        break;
    default:
        break;
    }
    jtag->state = (enum vb_tap_state)next_state[jtag->state][tms];
    if (jtag->state == VB_TAP_UPDATE_DR || jtag->state == VB_TAP_UPDATE_IR)
        update(jtag);
    else if (jtag->state == VB_TAP_RESET)
        vb_tap_reset(jtag);
}

int vb_tap_tdo(const vb_jtag *jtag) {
    if (jtag->state == VB_TAP_SHIFT_DR || jtag->state == VB_TAP_SHIFT_IR)
        return (int)(jtag->cpu.shift & 1);
    return 1; /* not driven; pulled up */
}
