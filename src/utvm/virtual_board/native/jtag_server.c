/* OpenOCD's remote_bitbang protocol over a connected socket. */
#define _POSIX_C_SOURCE 200809L
#include "jtag.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CHUNK_BYTES 16384u

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* Python ignores SIGPIPE */
#endif

enum { CPU_IR_BITS = 4, CPU_IDCODE = 0xe, BOUNDARY_IR_BITS = 5, BOUNDARY_IDCODE = 0x1 };
enum { PIN_TDI = 1, PIN_TMS = 2, PIN_TCK = 4 };

vb_jtag *vb_jtag_create(vb_core *core, vb_debug_access access, vb_reset_pin reset_pin, uint32_t cpu_idcode,
                        uint32_t boundary_idcode, uint32_t access_port_idr, uint32_t rom_table_base) {
    vb_jtag *jtag = calloc(1, sizeof *jtag);
    if (!jtag)
        return NULL;
    jtag->core = core;
    jtag->access = access;
    jtag->reset_pin = reset_pin;
    jtag->access_port_idr = access_port_idr;
    jtag->rom_table_base = rom_table_base;
    jtag->cpu = (vb_tap){.idcode = cpu_idcode, .ir_bits = CPU_IR_BITS, .idcode_instruction = CPU_IDCODE};
    jtag->boundary = (vb_tap){
        .idcode = boundary_idcode, .ir_bits = BOUNDARY_IR_BITS, .idcode_instruction = BOUNDARY_IDCODE};
    jtag->cpu.shift_bits = jtag->boundary.shift_bits = 1;
    vb_tap_reset(jtag);
    return jtag;
}

void vb_jtag_destroy(vb_jtag *jtag) {
    free(jtag);
}

int vb_jtag_add_ram(vb_jtag *jtag, uint32_t base_addr) {
    for (uint32_t i = 0; i < jtag->core->region_count; i++)
        if (jtag->core->regions[i].base_addr == base_addr) {
            jtag->ram |= 1u << i;
            return 0;
        }
    return -1;
}

void vb_jtag_note_code_change(vb_jtag *jtag) {
    jtag->code_changed = 1;
}

void vb_jtag_forget_stale_code(vb_jtag *jtag) {
    if (jtag->code_changed) {
        jtag->code_changed = 0;
        vb_forget_code(jtag->core);
    }
}

static void set_pins(vb_jtag *jtag, uint32_t pins) {
    if (pins & ~jtag->pins & PIN_TCK)
        vb_tap_clock(jtag, (pins & PIN_TMS) != 0, (pins & PIN_TDI) != 0);
    jtag->pins = pins;
}

static void set_resets(vb_jtag *jtag, uint32_t resets) {
    int system_reset = (int)(resets & 1);
    if (resets & 2)
        vb_tap_reset(jtag);
    if (system_reset != jtag->reset_asserted) {
        jtag->reset_asserted = system_reset;
        jtag->reset_pin(system_reset);
    }
}

int64_t vb_jtag_feed(vb_jtag *jtag, const uint8_t *input, uint32_t size, uint8_t *replies) {
    int64_t count = 0;
    for (uint32_t i = 0; i < size; i++) {
        uint8_t c = input[i];
        if (c >= '0' && c <= '7')
            set_pins(jtag, c - '0');
        else if (c == 'R')
            replies[count++] = (uint8_t)('0' + vb_tap_tdo(jtag));
        else if (c >= 'r' && c <= 'u') /* bit 1: TRST, bit 0: SRST */
            set_resets(jtag, c - 'r');
        else if (c == 'Q')
            jtag->quit = 1;
        else if (c != 'B' && c != 'b' && c != '\n') /* a blinking light; the end of a line typed by hand */
            return -1;
    }
    return count;
}

static ssize_t receive(int socket, uint8_t *buffer) {
    ssize_t size;
    do
        size = recv(socket, buffer, CHUNK_BYTES, 0);
    while (size < 0 && errno == EINTR);
    return size;
}

static bool send_all(int socket, const uint8_t *data, int64_t size) {
    while (size > 0) {
        ssize_t sent = send(socket, data, (size_t)size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return false;
        data += sent > 0 ? sent : 0;
        size -= sent > 0 ? sent : 0;
    }
    return true;
}

int vb_jtag_serve(vb_jtag *jtag, int socket) {
    uint8_t input[CHUNK_BYTES], replies[CHUNK_BYTES];
    jtag->quit = 0;
    while (!jtag->quit) {
        ssize_t size = receive(socket, input);
        if (size == 0)
            return 0;
        if (size < 0)
            return errno == ECONNRESET ? 0 : 2;
        int64_t count = vb_jtag_feed(jtag, input, (uint32_t)size, replies);
        if (count < 0)
            return 1;
        if (!send_all(socket, replies, count))
            return errno == EPIPE || errno == ECONNRESET ? 0 : 2;
    }
    return 0;
}
