/* A timing model: how long each basic block takes in the state the core is in when it enters it.
 *
 * A core model evaluates a block instruction by instruction from an incoming state, which gives the cycles
 * and the outgoing state. Such an evaluation is a path; paths are kept, so that a loop costs one comparison
 * per iteration.
 */
#ifndef UTVM_VIRTUAL_BOARD_TIMING_MODEL_H
#define UTVM_VIRTUAL_BOARD_TIMING_MODEL_H

#include "core.h"
#include "timing_decode.h"
#include "timing_memory.h"
#include "timing_rules.h"

#define VT_MAX_PHASES 10 /* registers whose low bits are part of a path's key */

/* Further constants of Unicorn's interface. */
enum { VT_UC_LR = 10, VT_UC_SP = 12 };

/* How a block was entered. */
typedef enum {
    VT_ENTRY_FRESH,        /* after a stop: nothing is known of what came before */
    VT_ENTRY_FALL_THROUGH, /* from the block before it in memory */
    VT_ENTRY_TAKEN,        /* by a branch, predicted where the core predicts */
    VT_ENTRY_MISPREDICTED_TAKEN,
    VT_ENTRY_MISPREDICTED_FALL_THROUGH,
} vt_entry;

/* Why issue slots went unused, in the order of CAUSES in timing/model.py. */
typedef enum {
    VT_LOST_DEPENDENCY,
    VT_LOST_LOAD_USE,
    VT_LOST_PAIRING,
    VT_LOST_BRANCH,
    VT_LOST_BUSY, /* instructions that take several cycles, unaligned accesses */
    VT_CAUSES,
} vt_cause;

/* What one instruction leaves behind for those after it. Times are cycles after the last issue. */
typedef struct {
    uint8_t late[VT_REGISTERS];   /* until a consumer in the last stage may issue */
    uint8_t early[VT_REGISTERS];  /* ... one in an early stage; for floating point: an accumulator */
    uint8_t factor[VT_REGISTERS]; /* ... a multiplication */
    uint64_t loaded;              /* registers whose last writer was a load */
    uint32_t older;               /* traits of the last instruction */
    uint32_t detail;              /* the core model's own */
    uint8_t open;                 /* it may still be paired with the next */
    uint8_t bank;                 /* of its load: 0, 1, or 2 if unknown */
    uint8_t flags_age;            /* cycles since the flags were set, at most 15 */
    uint8_t fp_busy;
    uint8_t drain; /* of the store buffer */
    uint8_t run;   /* the core model's own */
    uint16_t padding;
} vt_state;

/* The low bits of an address as a sum of registers at the block's entry: first + (second << shift) +
 * constant. */
typedef struct {
    uint8_t known;
    uint8_t first; /* register numbers or VT_NO_REGISTER */
    uint8_t second;
    uint8_t second_shift;
    uint32_t constant;
} vt_sum;

typedef struct vt_record vt_record;
typedef struct vt_path vt_path;

struct vt_path {
    vt_record *record;
    uint32_t in_state;
    uint32_t phases; /* low bits of the record's phase registers */
    uint32_t entry;  /* vt_entry */
    uint32_t out_state;
    uint32_t cycles;
    uint32_t entry_cycles; /* of them, caused by the branch before */
    uint64_t runs;
    vt_path *successor; /* what came after it last time */
    vt_path *next;      /* in its hash chain */
    vt_path *sibling;   /* of the same record */
    uint16_t lost[VT_CAUSES];
};

/* What paths add up to. */
typedef struct {
    uint64_t runs;
    uint64_t cycles; /* without entry_cycles */
    uint64_t lost[VT_CAUSES];
} vt_sums;

/* A decoded basic block and what a branch predictor remembers of the branch at its end. */
struct vt_record {
    uint32_t addr;
    uint32_t size_bytes;
    uint32_t count;
    uint32_t code_hash;
    vt_instruction *instructions;
    uint32_t *traits; /* per instruction, of the core model */
    vt_sum *sums;     /* per instruction */
    uint8_t phase_count;
    uint8_t phase_registers[VT_MAX_PHASES];
    uint8_t phase_masks[VT_MAX_PHASES]; /* which of their three low bits matter */
    bool guesses;                       /* some paired loads have addresses that are not sums */
    uint32_t guess;
    uint8_t counter; /* two-bit prediction */
    uint32_t last_target;
    uint32_t taken_run; /* times taken since it last was not */
    uint32_t last_run;
    uint64_t mispredictions;
    uint64_t branch_cycles; /* spent at the entry of whatever follows */
    uint64_t branch_slots;  /* lost there */
    uint64_t fetch_cycles;
    uint64_t data_cycles;
    vt_sums past; /* of paths that were forgotten */
    vt_path *paths;
    vt_record *next; /* in its hash chain */
    vt_record *link; /* all records, newest first */
};

typedef struct {
    uint32_t cycles;
    uint32_t entry_cycles;
    uint32_t lost[VT_CAUSES];
} vt_result;

typedef struct vt_model vt_model;

/* A core: how it sees one instruction, and how it evaluates the first `count` of a block. `state` goes in and
 * out. */
typedef struct {
    const char *name;
    vt_rule_set rule_set;
    bool predicts;  /* branches: else every taken one is VT_ENTRY_TAKEN */
    bool aligns;    /* its time depends on the low bits of addresses */
    uint32_t slots; /* instructions a cycle at most */
    uint32_t (*traits)(const vt_instruction *instruction);
    void (*evaluate)(const int32_t *rules, const vt_record *record, uint32_t count, uint32_t phases,
                     vt_entry entry, vt_state *state, vt_result *result);
} vt_core;

#define VT_RECORD_BUCKETS 16384u
#define VT_PATH_BUCKETS 65536u
#define VT_MAX_STATES 32768u
#define VT_MAX_PATHS 262144u
#define VT_STATE_BUCKETS 65536u

struct vt_model {
    const vt_core *core;
    vb_core *board;
    int32_t rules[VT_MAX_RULES];
    vt_memory *memory; /* NULL when every memory is zero-wait */
    vt_record *records[VT_RECORD_BUCKETS];
    vt_record *all_records;
    vt_path *paths[VT_PATH_BUCKETS];
    vt_state *states;
    uint32_t state_count;
    uint32_t path_count;
    uint32_t state_index[VT_STATE_BUCKETS]; /* number + 1 */
    vt_path *current;                       /* of the block that executes */
};

/* The cores (timing_m7.c, timing_m4.c, timing_m33.c, timing_m0.c). */
extern const vt_core vt_cortex_m7, vt_cortex_m4, vt_cortex_m3, vt_cortex_m33, vt_cortex_m0plus;

/* Finding them (timing_rules.c). */
const vt_core *vt_core_named(const char *name);
unsigned vt_rule_count(const vt_core *core);

/* Set-up (timing_model.c). `values` are the rules in the order of vt_rule_name. NULL if `core` is unknown or
 * memory is short. It lives as long as the process, like the core it counts for. */
vt_model *vt_create(vb_core *board, const char *core, const int32_t *values, vt_memory *memory);
void vt_attach(vt_model *model);
/* Start as after power-up: predictors untrained, profiles at zero. */
void vt_forget(vt_model *model);
uint64_t vt_block_cycles(void *model, vb_block *block, const vb_block *previous);
uint64_t vt_partial_cycles(void *model, const vb_block *block, uint32_t addr, uint32_t instructions);

/* Blocks (timing_block.c). */
vt_record *vt_learn(vt_model *model, const vb_block *block);
void vt_forget_records(vt_model *model);
uint32_t vt_phases(vt_model *model, vt_record *record);
/* The three low bits of the address of instruction `i`, or 8 if they are not known. */
uint32_t vt_address_bits(const vt_record *record, uint32_t i, uint32_t phases);

/* Paths (timing_path.c). */
vt_path *vt_find_path(vt_model *model, vt_record *record, uint32_t in_state, uint32_t phases, vt_entry entry);
void vt_forget_paths(vt_model *model);

/* Branch prediction (timing_branch.c): how `addr` was entered from the end of `record`. */
vt_entry vt_branch_to(vt_model *model, vt_record *record, uint32_t addr);

#endif
