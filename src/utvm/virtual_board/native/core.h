/* The native part of the virtual board: counting, traps and memory events in Unicorn's hooks.
 *
 * Everything that runs per basic block or per trapped instruction is here; everything rarer (exceptions, the
 * debugger, registers of the private peripheral bus) is Python and reached through the callbacks of vb_core.
 */
#ifndef UTVM_VIRTUAL_BOARD_CORE_H
#define UTVM_VIRTUAL_BOARD_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct uc_struct uc_engine;
typedef struct uc_context uc_context;
typedef size_t uc_hook;

/* The constants of Unicorn's interface in use. */
enum {
    UC_HOOK_INTR = 1,
    UC_HOOK_CODE = 1 << 2,
    UC_HOOK_BLOCK = 1 << 3,
    UC_HOOK_MEM_UNMAPPED = 7 << 4,
    UC_HOOK_MEM_PROT = 7 << 7,
    UC_HOOK_MEM_READ = 1 << 10,
    UC_HOOK_MEM_WRITE = 1 << 11,
    UC_HOOK_EDGE_GENERATED = 1 << 15,
    UC_MEM_WRITE = 17,
    UC_MEM_FETCH_UNMAPPED = 21,
    UC_MEM_WRITE_PROT = 22,
    UC_MEM_READ_PROT = 23,
    UC_MEM_FETCH_PROT = 24,
    UC_ERR_INSN_INVALID = 10,
    UC_PROT_NONE = 0,
    UC_ARM_REG_LR = 10,
    UC_ARM_REG_PC = 11,
    UC_ARM_REG_SP = 12,
    UC_ARM_REG_R0 = 66,
    UC_ARM_REG_XPSR = 120,
    UC_ARM_REG_PRIMASK = 123,
    UC_ARM_REG_FAULTMASK = 126,
    UC_CTL_TB_REMOVE_CACHE = 9 | 2 << 26 | 1 << 30, /* uc_ctl_remove_cache */
    UC_CTL_TB_FLUSH = 10 | 1 << 30,                 /* uc_ctl_flush_tb */
};

#define VB_MAX_REGIONS 32
#define VB_MAX_TRAPS 1024
#define VB_MAX_WATCHPOINTS 4
#define VB_MAX_DENIED 80 /* eight regions of eight parts, and what lies between them */
#define VB_MAX_UNDO 32   /* stores of one instruction */
#define VB_MAX_WINDOWS 96
#define VB_COUNT_BUCKETS 4096u /* a power of two */
#define VB_BLOCK_SLOTS 65536u  /* a power of two */
#define VB_CODE_PAGE_BITS 10   /* pages whose translated code a debugger's write makes stale */

/* Why vb_run came back. */
enum vb_stop {
    VB_STOP_HALTED = 0,    /* an exit address (breakpoint, end of a step) or WFI */
    VB_STOP_REQUESTED = 1, /* vb_request_stop, from any thread */
    VB_STOP_EVENT = 2,     /* the cycle counter reached the deadline */
    VB_STOP_STEPPED = 3,   /* a step ended by entering another block */
    VB_STOP_PENDING = 4,   /* an exception waits and is no longer masked */
    VB_STOP_EXCEPTION = 5, /* the core raised exception `detail` (Unicorn's numbering) */
    VB_STOP_MEMORY = 6,    /* an access failed: fault_type, fault_addr, fault_size */
    VB_STOP_TRAP = 7,      /* a trapped instruction: `detail` is its enum vb_trap */
    VB_STOP_WATCH = 8,     /* a watchpoint: fault_type, fault_addr, fault_size */
    VB_STOP_UNDEFINED = 9, /* undefined instruction or invalid state */
    VB_STOP_ERROR = 10,    /* anything else Unicorn reports: `detail` is its uc_err */
    VB_STOP_PAGE = 11, /* an allowed access at fault_addr, in a page that is protected for its neighbours */
};

/* Instructions the core must look at before Unicorn executes them. */
enum vb_trap {
    VB_TRAP_NONE = 0,
    VB_TRAP_FP = 1,     /* floating point while the coprocessor is disabled */
    VB_TRAP_DOUBLE = 2, /* double precision on a single-precision unit */
    VB_TRAP_DIVIDE = 4, /* divide, while dividing by zero faults */
};

/* What a profile counts of one block. `cycles` are those between its entry and the next one's. */
typedef struct vb_block_count vb_block_count;
struct vb_block_count {
    uint32_t addr;
    uint32_t size_bytes;
    uint64_t runs;
    uint64_t instructions;
    uint64_t cycles;
    vb_block_count *next; /* in its hash chain */
};

/* One basic block as Unicorn translated it. */
typedef struct {
    uint32_t addr;
    uint32_t size_bytes;
    uint32_t instructions;
    uint32_t trap_kinds;   /* every enum vb_trap that occurs in the block */
    uint64_t model_data;   /* belongs to the timing model; 0 when the block is new */
    vb_block_count *count; /* where a profile counts it; NULL until it runs under one */
} vb_block;

/* How long blocks take. A model may keep its own state behind `model`. */
typedef struct {
    const char *name;
    /* Cycles for the whole of `block`, entered from `previous` (NULL after a stop). */
    uint64_t (*block_cycles)(void *model, vb_block *block, const vb_block *previous);
    /* Cycles from the block's entry until the instruction at `addr` issues, of which `instructions` come
     * before. */
    uint64_t (*partial_cycles)(void *model, const vb_block *block, uint32_t addr, uint32_t instructions);
    void *model;
} vb_timing;

/* The functions of libunicorn in use, so that this library need not be linked against it. */
typedef struct {
    int (*hook_add)(uc_engine *, uc_hook *, int, void *, void *, uint64_t, uint64_t, ...);
    int (*hook_del)(uc_engine *, uc_hook);
    int (*emu_start)(uc_engine *, uint64_t, uint64_t, uint64_t, size_t);
    int (*emu_stop)(uc_engine *);
    int (*reg_read)(uc_engine *, int, void *);
    int (*context_alloc)(uc_engine *, uc_context **);
    int (*context_save)(uc_engine *, uc_context *);
    int (*context_restore)(uc_engine *, uc_context *);
    int (*context_free)(uc_context *);
    int (*mmio_map)(uc_engine *, uint64_t, size_t, void *, void *, void *, void *);
    int (*mem_protect)(uc_engine *, uint64_t, size_t, uint32_t);
    int (*ctl)(uc_engine *, int, ...);
} vb_unicorn;

/* Offset is from the start of the private peripheral bus, modulo 2^32; sizes are 1, 2, 4 or 8 bytes. */
typedef uint64_t (*vb_peripheral_read)(uint32_t offset, uint32_t size_bytes);
typedef void (*vb_peripheral_write)(uint32_t offset, uint32_t size_bytes, uint64_t value);

typedef struct {
    uint32_t base_addr;
    uint32_t size_bytes;
    uint8_t *host;
    uint8_t *code_pages; /* one byte per page: 1 if a block was translated from it */
} vb_region;

typedef struct {
    uint32_t addr;
    uint32_t kinds;   /* enum vb_trap, combined */
    uint32_t divisor; /* register number, for VB_TRAP_DIVIDE */
    uc_hook hook;
} vb_trapped;

enum vb_access { VB_READ = 1, VB_WRITE = 2 };

/* Addresses where the memory protection unit forbids data accesses. */
typedef struct {
    uint32_t first_addr;
    uint32_t last_addr;
    uint32_t access; /* enum vb_access, combined: what is forbidden */
    uc_hook hook;    /* 0 while Unicorn protects the pages */
} vb_denied;

/* What a forbidden store of at most eight bytes hit. */
typedef struct {
    uint8_t *host;
    uint32_t size_bytes;
    uint8_t bytes[8];
} vb_undo;

typedef struct vb_core vb_core;

typedef struct {
    vb_core *core;
    uint32_t addr;
    uint32_t size_bytes;
    uc_hook hook; /* 0 when free */
} vb_watchpoint;

/* A range of registers: those of the private peripheral bus, or of the chip. */
typedef struct {
    vb_core *core;
    uint32_t offset; /* of its start, from that of the private peripheral bus, modulo 2^32 */
} vb_window;

struct vb_core {
    /* The head, up to `access_pc`, is mirrored by CoreHead in engine.py. */
    uint64_t instructions; /* completed before `current` was entered */
    uint64_t cycles;
    uint64_t deadline_cycles;
    volatile int32_t stop_wanted;
    int32_t poll_masks;         /* an exception is pending: look at PRIMASK and FAULTMASK */
    int32_t ignore_watchpoints; /* while the instruction a watchpoint stopped at is stepped over */
    int32_t detail;
    int32_t fault_type; /* a uc_mem_type */
    uint32_t fault_addr;
    uint32_t fault_size_bytes;
    uint32_t access_pc; /* of the load or store that is using a peripheral register */

    vb_unicorn api;
    uc_engine *uc;
    uc_context *at_fault;
    vb_timing timing;
    vb_peripheral_read peripheral_read;
    vb_peripheral_write peripheral_write;

    const vb_block *current; /* `entry` while a block executes, else NULL */
    const vb_block *previous;
    vb_block entry; /* copies, because the cache may forget */
    vb_block last;
    uint64_t pending_cycles; /* of `current` */
    uint64_t entry_cycles;   /* the counter when `current` was entered */
    bool profiling;
    vb_block_count *counts[VB_COUNT_BUCKETS];
    int32_t stop; /* enum vb_stop; 0 while running */
    int32_t step_blocks;
    uint32_t retranslate_addr;
    uint32_t retranslate_end_addr; /* above retranslate_addr when new traps wait for a new translation */

    vb_region regions[VB_MAX_REGIONS];
    uint32_t region_count;
    uint32_t trap_kinds; /* enum vb_trap, combined: what traps now */
    vb_trapped traps[VB_MAX_TRAPS];
    uint32_t trap_count;
    vb_watchpoint watchpoints[VB_MAX_WATCHPOINTS];
    vb_denied denied[VB_MAX_DENIED];
    uint32_t denied_count;
    vb_undo undo[VB_MAX_UNDO];
    uint32_t undo_count;
    vb_window windows[VB_MAX_WINDOWS];
    uint32_t window_count;
    volatile int32_t programs_flash; /* a store into flash is carried out instead of failing */
    vb_block blocks[VB_BLOCK_SLOTS];
};

/* Life and set-up (core.c). 0 or Unicorn's error code is returned where an int is. */
vb_core *vb_create(uc_engine *uc, const vb_unicorn *api, vb_peripheral_read read, vb_peripheral_write write);
void vb_destroy(vb_core *core);
int vb_add_region(vb_core *core, uint32_t base_addr, uint32_t size_bytes, uint8_t *host);
int vb_map_peripherals(vb_core *core, uint32_t base_addr, uint32_t size_bytes);
void vb_set_programs_flash(vb_core *core, int programs_flash);

/* Running (run.c). `pc` has bit 0 set for Thumb state; the result is an enum vb_stop. */
int vb_run(vb_core *core, uint32_t pc, int step);
void vb_request_stop(vb_core *core);
void vb_forget_code(vb_core *core);
int vb_touches_code(vb_core *core, uint32_t addr, uint32_t size_bytes);

/* Counting (counter.c). `pc` is that of an instruction not yet executed. vb_cycles_at_access is for a
 * peripheral callback; outside of one the counters of vb_core are exact. */
void vb_on_block(uc_engine *uc, uint64_t addr, uint32_t size_bytes, void *user);
void vb_now(const vb_core *core, uint32_t pc, uint64_t *instructions, uint64_t *cycles);
uint64_t vb_cycles_at_access(const vb_core *core);
void vb_settle(vb_core *core, uint32_t pc, bool interrupted);
void vb_set_timing(vb_core *core, const vb_timing *timing);
const vb_timing *vb_one_cycle_timing(void);

/* Profiles (profile.c); only while the core is halted. Starting one clears the last. */
void vb_profile_start(vb_core *core);
void vb_profile_stop(vb_core *core);
/* Copy the counts of every block that ran, at most `room` of them; returns how many there are. */
uint32_t vb_profile_read(const vb_core *core, vb_block_count *out, uint32_t room);
vb_block_count *vb_profile_find(vb_core *core, const vb_block *block);
void vb_profile_free(vb_core *core);

/* Decoding (decode.c). */
uint32_t vb_instruction_size(uint16_t first_halfword);
uint32_t vb_trap_kind(uint16_t first, uint16_t second);
uint32_t vb_count_instructions(const vb_core *core, uint32_t addr, uint32_t end_addr, uint32_t *trap_kinds);
const uint8_t *vb_host_memory(const vb_core *core, uint32_t addr, uint32_t size_bytes);

/* Trapped instructions and watchpoints (traps.c). */
int vb_trap_block(vb_core *core, uint32_t addr, uint32_t end_addr);
void vb_set_traps(vb_core *core, uint32_t kinds);
int vb_add_watchpoint(vb_core *core, uint32_t index, uint32_t addr, uint32_t size_bytes, int reads,
                      int writes);
int vb_remove_watchpoint(vb_core *core, uint32_t index);

/* Memory protection (protection.c). Unicorn must protect the pages of memory that the ranges touch; registers
 * and addresses without memory need nothing. `access` is one or more enum vb_access. */
int vb_set_denied(vb_core *core, const vb_denied *ranges, uint32_t count);
bool vb_is_denied(const vb_core *core, uint32_t addr, uint32_t size_bytes, uint32_t access);
bool vb_protects_page(const vb_core *core, uint32_t addr);
int vb_hook_denied(vb_core *core, uint32_t index); /* instead of protected pages */
void vb_undo_stores(vb_core *core);

#endif
