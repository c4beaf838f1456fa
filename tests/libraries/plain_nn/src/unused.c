/* Nothing of ours calls it: it needs a function that is nowhere, and must not be compiled in. */
int plain_nowhere(void);

int plain_unused(void) {
    return plain_nowhere();
}
