/* What a timing model must know of one Thumb instruction: its kind, and which registers it reads in which
 * role. */
#ifndef UTVM_VIRTUAL_BOARD_TIMING_DECODE_H
#define UTVM_VIRTUAL_BOARD_TIMING_DECODE_H

#include <stdbool.h>
#include <stdint.h>

/* Bits of a register set: r0-r15, s0-s31, the flags, the floating-point flags. */
#define VT_S0 16
#define VT_FLAGS 48
#define VT_FP_FLAGS 49
#define VT_REGISTERS 50
#define VT_BIT(number) (UINT64_C(1) << (number))
#define VT_SP 13
#define VT_LR 14
#define VT_PC 15
#define VT_NO_REGISTER 0xff

/* Kinds, in the order of KINDS in timing/decoder.py. */
typedef enum {
    VT_UNKNOWN,
    VT_NOP,
    VT_IT,
    VT_ADD,           /* ADD, SUB; no shifted operand */
    VT_MOVE,          /* MOV, MVN, MOVW, MOVT */
    VT_LOGIC,         /* the rest of data processing, with and without a shifted operand */
    VT_SHIFT,         /* LSL, LSR, ASR, ROR alone */
    VT_EXTEND,        /* SXTB and kin, without addition */
    VT_EXTEND_ADD,    /* SXTAB and kin */
    VT_EXTRACT,       /* SBFX, UBFX */
    VT_INSERT,        /* BFI, BFC */
    VT_REVERSE,       /* REV, REV16, REVSH, RBIT */
    VT_COUNT,         /* CLZ */
    VT_PACK,          /* PKHBT, PKHTB */
    VT_PARALLEL,      /* SADD16 and kin, SEL */
    VT_SATURATE,      /* SSAT, QADD, QADD16, USAD8 and kin */
    VT_MULTIPLY,      /* 32-bit result, no accumulator */
    VT_ACCUMULATE,    /* 32-bit result with an accumulator */
    VT_LONG_MULTIPLY, /* 64-bit result */
    VT_LONG_ACCUMULATE,
    VT_DIVIDE,
    VT_LOAD,
    VT_STORE,
    VT_LOAD_PAIR,
    VT_STORE_PAIR,
    VT_LOAD_MULTIPLE,
    VT_STORE_MULTIPLE,
    VT_PRELOAD,
    VT_BRANCH,          /* B, conditional or not */
    VT_COMPARE_BRANCH,  /* CBZ, CBNZ */
    VT_CALL,            /* BL */
    VT_BRANCH_REGISTER, /* BX, BLX register, MOV PC */
    VT_TABLE_BRANCH,    /* TBB, TBH */
    VT_SYSTEM,          /* MSR, MRS, CPS, SVC, WFI, BKPT, UDF */
    VT_BARRIER,         /* DSB, DMB, ISB */
    VT_FP_LOAD,
    VT_FP_STORE,
    VT_FP_LOAD_MULTIPLE,
    VT_FP_STORE_MULTIPLE,
    VT_FP_ADD, /* addition, comparison, conversion */
    VT_FP_MULTIPLY,
    VT_FP_ACCUMULATE, /* VMLA and kin: two roundings */
    VT_FP_FUSED,      /* VFMA and kin */
    VT_FP_DIVIDE,
    VT_FP_ROOT,
    VT_FP_MOVE, /* register to register, immediate, VABS, VNEG, VSEL */
    VT_FP_FROM_CORE,
    VT_FP_TO_CORE,
    VT_KINDS,
} vt_kind;

enum {
    VT_CONDITIONAL = 1 << 0,      /* in an IT block, or a conditional branch */
    VT_SHIFTED = 1 << 1,          /* operand 2 is a shifted register */
    VT_SHIFTED_CONSTANT = 1 << 2, /* operand 2 is a rotated byte */
    VT_WRITES_PC = 1 << 3,
    VT_CALLS = 1 << 4,   /* leaves a return address in LR */
    VT_RETURNS = 1 << 5, /* BX LR, POP {PC} */
    VT_REGISTER_OFFSET = 1 << 6,
    VT_WRITEBACK = 1 << 7,
    VT_DOUBLE = 1 << 8,   /* double precision */
    VT_TOP_HALF = 1 << 9, /* PKHTB */
    VT_POST_INDEXED = 1 << 10,
    VT_LITERAL = 1 << 11,        /* address is relative to the PC */
    VT_REGISTER_SHIFT = 1 << 12, /* shifted by a register's amount */
    VT_EXCLUSIVE = 1 << 13,
};

typedef struct {
    uint32_t addr;
    uint16_t kind; /* vt_kind */
    uint16_t attributes;
    uint8_t size_bytes;
    uint8_t access_bytes; /* of one access to memory; 0 if there is none */
    uint8_t words;        /* registers loaded or stored, in words */
    uint8_t base;         /* register number or VT_NO_REGISTER */
    uint8_t index;
    uint8_t index_shift;
    int32_t offset; /* added to base before the access, unless VT_POST_INDEXED; for branches the distance */
    int32_t base_change; /* what writeback adds */
    uint64_t address;    /* read to form an address */
    uint64_t shifted;    /* read through the shifter or extractor */
    uint64_t factors;    /* read by a multiplier */
    uint64_t addends;    /* read as an accumulator */
    uint64_t stored;     /* read as data of a store */
    uint64_t operands;   /* read by anything else */
    uint64_t results;    /* written, except by writeback */
    uint64_t base_result;
} vt_instruction;

/* Decode one instruction; `second` is ignored for 16-bit ones. `it_state` is that of the architecture before
 * it (0 outside of an IT block). Undefined encodings become VT_UNKNOWN. */
void vt_decode(vt_instruction *out, uint32_t addr, uint16_t first, uint16_t second, uint8_t it_state);

/* The IT state after an instruction that had `it_state` before it. */
uint8_t vt_next_it_state(const vt_instruction *instruction, uint16_t first, uint8_t it_state);

uint64_t vt_reads(const vt_instruction *instruction);
uint64_t vt_writes(const vt_instruction *instruction);

/* Parts of vt_decode, one per file. `set_flags` says whether 16-bit data processing writes the flags. */
void vt_decode_16(vt_instruction *out, uint16_t code, bool set_flags);
void vt_decode_32(vt_instruction *out, uint16_t first, uint16_t second);
void vt_decode_memory(vt_instruction *out, uint16_t first, uint16_t second);
void vt_decode_fp(vt_instruction *out, uint16_t first, uint16_t second);

static inline uint32_t vt_field(uint32_t code, uint32_t low, uint32_t width) {
    return (code >> low) & ((1u << width) - 1);
}

static inline int32_t vt_signed(uint32_t value, uint32_t width) {
    uint32_t sign = 1u << (width - 1);
    return (int32_t)((value ^ sign) - sign);
}

#endif
