"""Writing functions for cores with the Thumb instructions of Armv6-M only: every instruction has its own fixed cost."""

from __future__ import annotations

from utvm.operators.kernel import CodeUnit

_INDENT = "    "


class ThumbFunction:
    """Lines of one function, and their cycles on a Cortex-M0+ at zero wait.

    It saves r4-r11 and lr. Its four arguments are in the stack's first words, `more_bytes` of locals behind them.
    """

    def __init__(self, name: str, prototype: str, more_bytes: int) -> None:
        self.name = name
        self._prototype = prototype
        self._more_bytes = more_bytes
        self._lines: list[str] = []
        self.cycles = 0

    def emit(self, text: str, cycles: int = 1) -> None:
        """One instruction."""
        self._lines.append(_INDENT + text)
        self.cycles += cycles

    def label(self, name: int) -> None:
        """A local label to branch to as "1b" or "1f"."""
        self._lines.append(f"{name}:")

    def load(self, register: str, base: str, offset: int | str = 0) -> None:
        """A word at a byte offset or an index register."""
        self.emit(f"ldr {register}, [{base}, {offset if isinstance(offset, str) else f'#{offset}'}]", 2)

    def store(self, register: str, base: str, offset: int = 0) -> None:
        """A word."""
        self.emit(f"str {register}, [{base}, #{offset}]", 2)

    def load_several(self, base: str, *registers: str) -> None:
        """Words one after another into ascending registers; the base goes on behind them."""
        self.emit(f"ldmia {base}!, {{{', '.join(registers)}}}", 1 + len(registers))

    def constant(self, register: str, value: int) -> None:
        """Any unsigned word, by bytes."""
        digits = [value >> shift & 0xFF for shift in (24, 16, 8, 0)]
        while len(digits) > 1 and not digits[0]:
            del digits[0]
        self.emit(f"movs {register}, #{digits[0]}")
        pending = 0
        for digit in digits[1:]:
            pending += 8
            if digit:
                self.emit(f"lsls {register}, {register}, #{pending}")
                self.emit(f"adds {register}, #{digit}")
                pending = 0
        if pending:
            self.emit(f"lsls {register}, {register}, #{pending}")

    def advance(self, register: str, amount: int, spare: str) -> None:
        """Add a constant of either sign."""
        mnemonic, rest = ("adds", amount) if amount >= 0 else ("subs", -amount)
        if rest > 2 * 255:
            self.constant(spare, rest)
            self.emit(f"{mnemonic} {register}, {register}, {spare}")
            return
        while rest:
            step = min(rest, 255)
            self.emit(f"{mnemonic} {register}, #{step}")
            rest -= step

    def multiply_add(self, total: str, word: str, weight: int, spare: str, first: bool) -> None:
        """total (=, += where not first) word * weight, for a weight of -128 ... 127 other than 0."""
        size, negative = abs(weight), weight < 0
        target = total if first else spare
        if size == 1:
            if first:
                self.emit(f"rsbs {total}, {word}, #0" if negative else f"mov {total}, {word}")
            else:
                self.emit(f"{'subs' if negative else 'adds'} {total}, {total}, {word}")
            return
        if size & (size - 1) == 0:
            self.emit(f"lsls {target}, {word}, #{size.bit_length() - 1}")
        else:
            self.emit(f"movs {target}, #{size}")
            self.emit(f"muls {target}, {word}, {target}")
        if not first:
            self.emit(f"{'subs' if negative else 'adds'} {total}, {total}, {spare}")
        elif negative:
            self.emit(f"rsbs {total}, {total}, #0")

    def take_apart(self, total: str, half: str, raw: str, high: str, first: bool) -> None:
        """End a chunk: add it to `raw`, and its high half to `high`, both high registers. `half` holds 0x8000."""
        mnemonic = "mov" if first else "add"
        self.emit(f"{mnemonic} {raw}, {total}")
        self.emit(f"adds {total}, {total}, {half}")
        self.emit(f"asrs {total}, {total}, #16")
        self.emit(f"{mnemonic} {high}, {total}")

    def unit(self) -> CodeUnit:
        """The function with prologue, epilogue and directives."""
        head = [
            f'.section .text.{self.name}, "ax", %progbits',
            ".syntax unified",
            ".thumb",
            ".balign 8",
            f".global {self.name}",
            f".type {self.name}, %function",
            ".thumb_func",
        ]
        begin = [
            "push {r4-r7, lr}",
            *(f"mov r{low}, r{low + 4}" for low in range(4, 8)),
            "push {r4-r7}",
            f"sub sp, #{self._more_bytes}",
            "push {r0-r3}",
        ]
        end = [
            f"add sp, #{self._more_bytes + 16}",
            "pop {r4-r7}",
            *(f"mov r{low + 4}, r{low}" for low in range(4, 8)),
            "pop {r4-r7, pc}",
        ]
        lines = [
            *(_INDENT + line for line in head),
            f"{self.name}:",
            *(_INDENT + line for line in begin),
            *self._lines,
            *(_INDENT + line for line in end),
            f"{_INDENT}.size {self.name}, . - {self.name}",
        ]
        return CodeUnit(self.name, self._prototype, "asm", "\n".join(lines) + "\n")
