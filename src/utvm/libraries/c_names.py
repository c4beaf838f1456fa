"""Which names a C or assembly file defines, and which names each definition uses: enough to know what to compile.

A scanner, no parser: comments, strings and the values of macros aside, it follows braces and what stands before them.
Names that are only used in some configurations count as used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMMENTS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
_DIRECTIVE = r"^[ \t]*#[ \t]*(?P<directive>\w+)(?P<rest>(?:[^\n\\]|\\.|\\\n)*)"
_TOKENS = re.compile(rf"{_DIRECTIVE}|[{{}};]", re.MULTILINE)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)|__declspec\s*\([^()]*\)")
_DATA = re.compile(r"([A-Za-z_]\w*)\s*(?:\[[^\]]*\]\s*)*(?:=.*)?$", re.DOTALL)
_NO_DATA = re.compile(r"\b(typedef|extern|static|struct\s+\w+\s*$|union\s+\w+\s*$|enum\s+\w+\s*$)")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">\n]+)[">]', re.MULTILINE)
_LABEL = re.compile(r"^[ \t]*\.glob(?:a)?l[ \t]+([A-Za-z_][\w$]*)", re.MULTILINE)


@dataclass(frozen=True)
class Names:
    """`uses` has a set of identifiers for every function, variable and macro that is defined.

    `exported` are the definitions that other files can link to, `everything` all identifiers of the file, `included`
    what it includes.
    """

    uses: dict[str, frozenset[str]]
    exported: frozenset[str]
    everything: frozenset[str]
    included: tuple[str, ...]


def names_of(text: str, is_assembly: bool = False) -> Names:
    """The names of a file's text."""
    included = tuple(_INCLUDE.findall(text))
    plain = _COMMENTS.sub(" ", text)
    everything = frozenset(_IDENTIFIER.findall(plain))
    if is_assembly:
        exported = frozenset(_LABEL.findall(text))
        return Names(dict.fromkeys(exported, everything), exported, everything, included)
    uses: dict[str, frozenset[str]] = {}
    exported_names: set[str] = set()
    for head, body, is_static in _definitions(plain, uses):
        uses[head] = uses.get(head, frozenset()) | frozenset(_IDENTIFIER.findall(body))
        if not is_static:
            exported_names.add(head)
    return Names(uses, frozenset(exported_names), everything, included)


def _definitions(text: str, macros: dict[str, frozenset[str]]) -> list[tuple[str, str, bool]]:
    """(name, text, whether static) of what is defined outside all braces; macros go to `macros`."""
    found: list[tuple[str, str, bool]] = []
    braces: list[bool] = []  # whether each opened one counts: that of extern "C" does not
    saved: list[list[bool]] = []  # the braces at each #if, which its other branches begin with
    begin, head, after_body = 0, "", 0
    for token in _TOKENS.finditer(text):
        directive = token.group("directive")
        if directive is not None:
            if directive in ("if", "ifdef", "ifndef"):
                saved.append(list(braces))
            elif directive in ("elif", "else") and saved:
                braces = list(saved[-1])
            elif directive == "endif" and saved:
                saved.pop()
            elif directive == "define":
                words = _IDENTIFIER.findall(token.group("rest"))
                if words:
                    macros[words[0]] = macros.get(words[0], frozenset()) | frozenset(words[1:])
            if not any(braces) and directive != "define" and not text[begin : token.start()].strip():
                begin = token.end()
            continue
        outside = not any(braces)
        if token.group() == "{":
            if outside:
                head = text[begin : token.start()]
                braces.append("extern" not in head or "(" in head)
                after_body = token.end()
                if not braces[-1]:
                    begin = token.end()
            else:
                braces.append(True)
        elif token.group() == "}":
            if braces:
                braces.pop()
            if not any(braces):
                name = _defined_by(head)
                if name and not outside:
                    found.append((name, text[after_body : token.start()], _is_static(head)))
                # A brace of an initialiser or a type ends with a semicolon, that of a function does not.
                begin = token.end()
                head = ""
        elif outside:
            found += [(name, statement, False) for name, statement in _data(text[begin : token.start()])]
            begin = token.end()
    return found


def _defined_by(head: str) -> str:
    """The function or array whose body or value begins after `head`; empty for types."""
    head = _without_directives(_ATTRIBUTE.sub(" ", head)).strip()
    if head.endswith("="):
        match = _DATA.search(head[:-1].strip())
        return match.group(1) if match and not re.match(r"typedef\b", head) else ""
    if not head.endswith(")"):
        return ""
    depth = 0
    for index in range(len(head) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(head[index], 0)
        if depth == 0:
            names = _IDENTIFIER.findall(head[:index])
            return names[-1] if names and head[:index].rstrip().endswith(names[-1]) else ""
    return ""


def _data(statement: str) -> list[tuple[str, str]]:
    """The variable that a statement outside all functions defines."""
    statement = _without_directives(_ATTRIBUTE.sub(" ", statement)).strip()
    if not statement or "(" in statement.split("=")[0] or _NO_DATA.search(statement.split("=")[0]):
        return []
    match = _DATA.search(statement)
    words = _IDENTIFIER.findall(statement.split("=")[0])
    return [(match.group(1), statement)] if match and len(words) > 1 else []


def _without_directives(text: str) -> str:
    return re.sub(_DIRECTIVE, " ", text, flags=re.MULTILINE)


def _is_static(head: str) -> bool:
    return re.search(r"\bstatic\b|STATIC", head) is not None
