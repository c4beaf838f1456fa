/* Scratch memory for kernels: a stack of blocks, each behind a header. */
#include "utvm_session.h"

#define ALIGNMENT 16u
#define ALLOCATED 0xA110CA7Eu
#define FREED 0xF7EEF7EEu

typedef struct header {
    struct header *previous;
    uintptr_t size_bytes; /* of the block behind the header */
    uint32_t state;
    uint32_t reserved;
} __attribute__((aligned(16))) utvm_block_header;

/* From the linker; both are aligned to 16 bytes. */
extern uint8_t utvm_workspace_bottom[];
extern uint8_t utvm_workspace_top[];

static utvm_block_header *last;

/* First byte behind the blocks. */
static uintptr_t end_of_blocks(void) {
    return last == NULL ? (uintptr_t)utvm_workspace_bottom : (uintptr_t)(last + 1) + last->size_bytes;
}

void *utvm_workspace_alloc(size_t size_bytes) {
    uintptr_t left = (uintptr_t)utvm_workspace_top - end_of_blocks();
    if (left < sizeof(utvm_block_header) || size_bytes > left - sizeof(utvm_block_header)) {
        utvm_error(UTVM_ERROR_WORKSPACE_EXHAUSTED, (uint32_t)size_bytes);
        return NULL;
    }
    utvm_block_header *header = (utvm_block_header *)end_of_blocks();
    header->previous = last;
    header->size_bytes = (size_bytes + ALIGNMENT - 1u) & ~(uintptr_t)(ALIGNMENT - 1u);
    header->state = ALLOCATED;
    last = header;
    return header + 1;
}

int32_t utvm_workspace_free(void *block) {
    for (utvm_block_header *header = last; header != NULL; header = header->previous) {
        if ((void *)(header + 1) != block || header->state != ALLOCATED)
            continue;
        header->state = FREED;
        while (last != NULL && last->state == FREED)
            last = last->previous;
        return 0;
    }
    utvm_error(UTVM_ERROR_BAD_FREE, (uint32_t)(uintptr_t)block);
    return UTVM_ERROR_BAD_FREE;
}

uint32_t utvm_workspace_reset(void) {
    uint32_t allocated_bytes = 0;
    for (; last != NULL; last = last->previous)
        if (last->state == ALLOCATED)
            allocated_bytes += (uint32_t)last->size_bytes;
    return allocated_bytes;
}
