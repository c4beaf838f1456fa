/* The JTAG door: two TAPs in a chain, and behind the first an ADIv5 debug port with one memory access port.
 *
 * Everything between the wire and RAM is here, because a debugger needs some 140 characters and a round trip
 * per word; what lies behind the core's registers is Python and reached through `access`.
 */
#ifndef UTVM_VIRTUAL_BOARD_JTAG_H
#define UTVM_VIRTUAL_BOARD_JTAG_H

#include "core.h"

/* A load or store of one, two or four bytes that is not plain memory; `value` is in the low bits. 1 when
 * done, 0 for a bus fault. */
typedef int (*vb_debug_access)(uint32_t addr, uint32_t size_bytes, int is_write, uint32_t *value);
typedef void (*vb_reset_pin)(int is_asserted);

/* IEEE 1149.1 states; the order is that of the table in jtag_tap.c. */
enum vb_tap_state {
    VB_TAP_RESET,
    VB_TAP_IDLE,
    VB_TAP_SELECT_DR,
    VB_TAP_CAPTURE_DR,
    VB_TAP_SHIFT_DR,
    VB_TAP_EXIT1_DR,
    VB_TAP_PAUSE_DR,
    VB_TAP_EXIT2_DR,
    VB_TAP_UPDATE_DR,
    VB_TAP_SELECT_IR,
    VB_TAP_CAPTURE_IR,
    VB_TAP_SHIFT_IR,
    VB_TAP_EXIT1_IR,
    VB_TAP_PAUSE_IR,
    VB_TAP_EXIT2_IR,
    VB_TAP_UPDATE_IR,
};

typedef struct {
    uint32_t idcode;
    uint32_t ir_bits;
    uint32_t idcode_instruction;
    uint32_t instruction;
    uint64_t shift;
    uint32_t shift_bits;
} vb_tap;

typedef struct {
    uint32_t control; /* CTRL/STAT, the bits that are kept */
    uint32_t select;
    uint32_t response; /* what the next scan of DPACC or APACC captures */
    uint32_t csw;
    uint32_t tar;
} vb_dap;

typedef struct {
    vb_core *core;
    vb_debug_access access;
    vb_reset_pin reset_pin;
    uint32_t access_port_idr, rom_table_base;
    uint32_t ram;                  /* bit i: core->regions[i] can be written without further ado */
    volatile int32_t code_changed; /* a store reached translated code */
    volatile int32_t quit;         /* the client said Q */
    enum vb_tap_state state;
    vb_tap cpu;      /* nearest to TDO */
    vb_tap boundary; /* idcode 0 where a chip has no second TAP */
    vb_dap dap;
    uint32_t pins;
    int reset_asserted;
} vb_jtag;

/* Life and serving (jtag_server.c). */
vb_jtag *vb_jtag_create(vb_core *core, vb_debug_access access, vb_reset_pin reset_pin, uint32_t cpu_idcode,
                        uint32_t boundary_idcode, uint32_t access_port_idr, uint32_t rom_table_base);
void vb_jtag_destroy(vb_jtag *jtag);
int vb_jtag_add_ram(vb_jtag *jtag, uint32_t base_addr); /* 0 if the core has such a region */
void vb_jtag_note_code_change(vb_jtag *jtag);
/* Drop translations of code that stores have changed; only while the core stands still. */
void vb_jtag_forget_stale_code(vb_jtag *jtag);
/* Serve remote_bitbang on a connected socket. 0 when the client has gone, 1 after a character that is not of
 * the protocol, 2 after an error of the socket. */
int vb_jtag_serve(vb_jtag *jtag, int socket);
/* Work on characters of the protocol; `replies` has room for `size` of them. Returns how many there are, -1
 * after a character that is not of the protocol. */
int64_t vb_jtag_feed(vb_jtag *jtag, const uint8_t *input, uint32_t size, uint8_t *replies);

/* TAPs (jtag_tap.c). */
void vb_tap_reset(vb_jtag *jtag);
void vb_tap_clock(vb_jtag *jtag, int tms, int tdi);
int vb_tap_tdo(const vb_jtag *jtag);

/* Debug port and access port (jtag_dap.c). `request` is a scan of 35 bits: data, two address bits, read. */
void vb_dap_request(vb_jtag *jtag, bool access_port, uint64_t request);

#endif
