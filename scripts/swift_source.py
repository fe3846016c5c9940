"""Swift read as far as the tidy rules need it: code, comments, string literals, declarations."""

import bisect
import functools
import re
from dataclasses import dataclass, field

TYPES = {"struct", "class", "enum", "actor", "protocol", "extension"}
MEMBERS = {"func", "var", "let", "typealias"}
BODIES = {"init", "deinit", "subscript"}
MARK = re.compile(r'//|/\*|#*"""|#*"|[()]')
KEYWORDS = TYPES | MEMBERS | BODIES | {"case"}
# What the structure of a file hangs on: brackets, and keywords that are not a member's name.
TOKEN = re.compile(r"[{}()\[\]]|(?<![.\w`#])(?:%s)\b(?!`)" % "|".join(sorted(KEYWORDS)))
NAME = re.compile(r"\s+(?:\w+\.)*`?(\w+)")
INHERITED = re.compile(r"[A-Za-z_]\w*")


@dataclass
class Declaration:
    kind: str
    name: str
    line: int
    owner: str = ""  # the type that it is a member of, empty at the top
    owner_kind: str = ""
    visible: bool = False  # outside its target
    inherits: list[str] = field(default_factory=list)


@dataclass
class Body:
    """A declaration with braces of its own."""

    name: str
    line: int
    end: int

    @property
    def lines(self):
        return self.end - self.line + 1


class Swift:
    """A file, taken apart once."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        self.comments, self.strings = [], []  # (line, text)
        self._kept = []
        self._code(0, interpolated=False)
        self.code = "".join(self._kept)

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    @functools.cached_property
    def imports(self):
        """(line, module) of each import."""
        return [(self.line_of(m.start(1)), m[1]) for m in re.finditer(
            r"^(?:@\w+ )?(?:\w+ )?import (?:struct |class |enum |func )?(\w+)", self.code, re.M)]

    @functools.cached_property
    def names(self):
        """Each identifier of the code, also those within interpolations, as often as it occurs."""
        return re.findall(r"[A-Za-z_]\w*", self.code)

    @functools.cached_property
    def _structure(self):
        return Structure(self.code)

    @property
    def declarations(self):
        return self._structure.declarations

    @property
    def bodies(self):
        return self._structure.bodies

    # Comments and literals become blanks of the same length, so that lines and columns stay.

    def _blank(self, start, end):
        self._kept.append(re.sub(r"[^\n]", " ", self.text[start:end]))

    def _code(self, at, interpolated):
        depth = 0
        while mark := MARK.search(self.text, at):
            self._kept.append(self.text[at:mark.start()])
            at = mark.end()
            if mark[0] in "()":
                depth += 1 if mark[0] == "(" else -1
                if interpolated and depth < 0:
                    self._kept.append(" ")
                    return at
                self._kept.append(mark[0])
            elif mark[0] in ("//", "/*"):
                end = self.text.find("\n" if mark[0] == "//" else "*/", at)
                end = len(self.text) if end < 0 else end if mark[0] == "//" else end + 2
                self.comments.append((self.line_of(mark.start()), self.text[at:end]))
                self._blank(mark.start(), end)
                at = end
            else:
                self._blank(mark.start(), at)
                at = self._string(at, mark[0])
        self._kept.append(self.text[at:])
        return len(self.text)

    def _string(self, at, opening):
        hashes = opening.count("#")
        closing = opening.strip("#") + "#" * hashes
        part = re.compile(r"\\" + "#" * hashes + r"(\(|.|\n)|" + closing)
        start, content = at, []
        while mark := part.search(self.text, at):
            content.append(self.text[at:mark.start()])
            self._blank(at, mark.end())
            at = mark.end()
            if mark[0] == closing:
                break
            if mark[1] == "(":
                at = self._code(at, interpolated=True)
            content.append(re.sub(r"[^\n]", " ", self.text[mark.start():at]))
        self.strings.append((self.line_of(start), "".join(content)))
        return at


class Structure:
    """The declarations of a file outside of functions, and where each body ends."""

    def __init__(self, code):
        self.code = code
        self.declarations, self.bodies = [], []
        self.lines = [m.start() for m in re.finditer("\n", code)]
        # Of each open brace: the type that it opened, or the body; how many parentheses are open in it.
        self.scopes = [(Declaration("file", "", 0), None)]
        self.depth = [0]
        self.type = self.body = None  # what the next brace opens
        for token in TOKEN.finditer(code):
            self._take(token[0], token)

    def _line(self, offset):
        return bisect.bisect_left(self.lines, offset) + 1

    def _take(self, text, token):
        if text in "([":
            self.depth[-1] += 1
        elif text in ")]":
            self.depth[-1] -= 1
        elif text == "{":
            named = self.depth[-1] == 0
            self.scopes.append((self.type, self.body) if named else (None, None))
            if named:
                self.type = self.body = None
            self.depth.append(0)
        elif text == "}":
            if len(self.scopes) > 1:
                self.depth.pop()
                body = self.scopes.pop()[1]
                if body:
                    self.bodies.append(Body(*body, self._line(token.start())))
            self.type = self.body = None
        elif self.depth[-1] == 0:
            self._keyword(text, token, self.scopes[-1][0])

    def _keyword(self, text, token, around):
        name = NAME.match(self.code, token.end())
        name = name[1] if name else text
        if text in TYPES and name in KEYWORDS:  # class func, class var
            return
        if text not in TYPES and text != "func" and not around:
            return
        line = self._line(token.start())
        self.type = self.body = None
        if text == "case":
            for case in self._cases(token.end()):
                self._declare("case", case, token, around)
        elif text in BODIES:
            self.body = (text, line)
        elif around or text in TYPES:
            found = self._declare(text, name, token, around)
            if text in TYPES:
                end = self.code.find("{", token.end())
                found.inherits = INHERITED.findall(self.code[token.end():end])
                self.type = found
        if text in MEMBERS:
            self.body = (name, line)

    def _declare(self, kind, name, token, around):
        start = self.code.rfind("\n", 0, token.start()) + 1
        before = self.code[start:token.start()]
        hidden = re.search(r"\b(private|fileprivate|internal)\b(?!\()", before)
        inherited = around and around.visible and (
            around.kind in ("extension", "protocol") or kind == "case")
        opened = re.search(r"\b(public|package|open)\b(?!\()", before)
        found = Declaration(
            kind, name, self._line(token.start()), around.name if around else "",
            around.kind if around else "body", bool(opened or inherited and not hidden))
        self.declarations.append(found)
        return found

    def _cases(self, at):
        """The names of `case a, b(Int), c = 1`."""
        pattern = re.compile(r"\s*`?(\w+)`?")
        while name := pattern.match(self.code, at):
            yield name[1]
            depth, at = 0, name.end()
            while at < len(self.code) and (depth > 0 or self.code[at] not in ",\n}"):
                depth += (self.code[at] in "([") - (self.code[at] in ")]")
                at += 1
            if self.code[at:at + 1] != ",":
                return
            at += 1
