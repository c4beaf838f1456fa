/* The ADIv5 debug port and its AHB access port. */
#include "jtag.h"

enum { DP_CONTROL = 1, DP_SELECT = 2 }; /* address bits 3 and 2; 0 and 3 (RDBUFF) read as zero */
enum {
    AP_CSW = 0x00,
    AP_TAR = 0x04,
    AP_DRW = 0x0c,
    AP_BD0 = 0x10,
    AP_BD3 = 0x1c,
    AP_BASE = 0xf8,
    AP_IDR = 0xfc
};

#define CONTROL_KEPT 0x5fffff0du      /* all but the power acknowledges and what is written one to clear */
#define CONTROL_STICKY 0x00000032u    /* STICKYORUN, STICKYCMP, STICKYERR */
#define CONTROL_STICKYERR 0x00000020u /* also makes the access port deaf */
#define CONTROL_POWER_REQUESTS 0x50000000u
#define CSW_DEVICE_ENABLED 0x40u
#define CSW_READ_ONLY 0xc0u /* DeviceEn, TrInProg */
#define CSW_SIZE 0x7u
#define CSW_INCREMENT 0x30u
#define CSW_INCREMENT_PACKED 0x20u
#define INCREMENT_BLOCK 0x400u /* TAR counts within this many bytes only */

/* Where the bytes are in this process, or NULL; *is_ram tells whether they may simply be overwritten. */
static uint8_t *plain_memory(const vb_jtag *jtag, uint32_t addr, uint32_t size_bytes, bool *is_ram) {
    for (uint32_t i = 0; i < jtag->core->region_count; i++) {
        const vb_region *region = &jtag->core->regions[i];
        uint32_t offset = addr - region->base_addr;
        if (offset < region->size_bytes && size_bytes <= region->size_bytes - offset) {
            *is_ram = jtag->ram >> i & 1;
            return region->host + offset;
        }
    }
    return NULL;
}

static uint32_t load_little_endian(const uint8_t *host, uint32_t size_bytes) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < size_bytes; i++)
        value |= (uint32_t)host[i] << (8 * i);
    return value;
}

/* One bus access; the value is in the low bits. */
static bool transfer(vb_jtag *jtag, uint32_t addr, uint32_t size_bytes, bool is_write, uint32_t *value) {
    bool is_ram = false;
    if (addr % size_bytes)
        return false;
    uint8_t *host = plain_memory(jtag, addr, size_bytes, &is_ram);
    if (!host || (is_write && !is_ram))
        return jtag->access(addr, size_bytes, is_write, value) != 0;
    if (!is_write) {
        *value = load_little_endian(host, size_bytes);
        return true;
    }
    for (uint32_t i = 0; i < size_bytes; i++)
        host[i] = (uint8_t)(*value >> (8 * i));
    if (vb_touches_code(jtag->core, addr, size_bytes))
        jtag->code_changed = 1;
    return true;
}

static uint32_t failed(vb_jtag *jtag) {
    jtag->dap.control |= CONTROL_STICKYERR;
    return 0;
}

/* DRW: one transfer, or when packed as many as fill a word; each uses the byte lanes of its address. */
static uint32_t data_access(vb_jtag *jtag, bool is_write, uint32_t data) {
    vb_dap *dap = &jtag->dap;
    uint32_t size_code = dap->csw & CSW_SIZE, size_bytes = size_code > 2 ? 4 : 1u << size_code;
    bool is_packed = (dap->csw & CSW_INCREMENT) == CSW_INCREMENT_PACKED;
    uint32_t count = is_packed ? 4 / size_bytes : 1, result = 0;
    uint32_t mask = size_bytes == 4 ? UINT32_MAX : (1u << (8 * size_bytes)) - 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t lane = 8 * (dap->tar & 3), value = (data >> lane) & mask;
        if (!transfer(jtag, dap->tar, size_bytes, is_write, &value))
            return failed(jtag);
        result |= (value & mask) << lane;
        if (dap->csw & CSW_INCREMENT)
            dap->tar =
                (dap->tar & ~(INCREMENT_BLOCK - 1)) | ((dap->tar + size_bytes) & (INCREMENT_BLOCK - 1));
    }
    return is_write ? 0 : result;
}

static uint32_t banked_access(vb_jtag *jtag, uint32_t number, bool is_write, uint32_t data) {
    if (!transfer(jtag, (jtag->dap.tar & ~0xfu) + 4 * number, 4, is_write, &data))
        return failed(jtag);
    return is_write ? 0 : data;
}

static uint32_t access_port(vb_jtag *jtag, uint32_t offset, bool is_read, uint32_t data) {
    vb_dap *dap = &jtag->dap;
    if (dap->control & CONTROL_STICKYERR || dap->select >> 24 != 0) /* there is one access port, number 0 */
        return 0;
    if (offset >= AP_BD0 && offset <= AP_BD3)
        return banked_access(jtag, (offset - AP_BD0) / 4, !is_read, data);
    switch (offset) {
    case AP_CSW:
        if (!is_read)
            dap->csw = (data & ~CSW_READ_ONLY) | CSW_DEVICE_ENABLED;
        return dap->csw;
    case AP_TAR:
        if (!is_read)
            dap->tar = data;
        return dap->tar;
    case AP_DRW:
        return data_access(jtag, !is_read, data);
    case AP_BASE:
        return jtag->rom_table_base;
    case AP_IDR:
        return jtag->access_port_idr;
    default:
        return 0;
    }
}

static uint32_t debug_port(vb_dap *dap, uint32_t number, bool is_read, uint32_t data) {
    if (number == DP_CONTROL) {
        if (!is_read)
            dap->control = (data & CONTROL_KEPT) | (dap->control & CONTROL_STICKY & ~data);
        /* Power-up requests are granted at once. */
        return dap->control | (dap->control & CONTROL_POWER_REQUESTS) << 1;
    }
    if (number == DP_SELECT) {
        if (!is_read)
            dap->select = data;
        return dap->select;
    }
    return 0;
}

void vb_dap_request(vb_jtag *jtag, bool to_access_port, uint64_t request) {
    uint32_t number = (uint32_t)(request >> 1) & 3, data = (uint32_t)(request >> 3);
    bool is_read = request & 1;
    uint32_t result;
    if (to_access_port)
        result = access_port(jtag, (jtag->dap.select & 0xf0) | number << 2, is_read, data);
    else
        result = debug_port(&jtag->dap, number, is_read, data);
    jtag->dap.response = is_read ? result : 0;
}
