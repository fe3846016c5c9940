#!/usr/bin/env python3
"""Writes the types of the wire that the clients speak from openapi.json.

    clients/wire_types.py            write them anew
    clients/wire_types.py --check    fail if they are not equal to the document; `make lint` does this

What a client needs is what the addresses under /career/internal/usage take and answer, and those under
/api/internal/usage of customers' calls by key.
"""

import json
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PREFIXES = ("/career/internal/usage/", "/api/internal/usage/")
PYTHON = ROOT / "clients/python/src/cuebx/wire.py"
TYPESCRIPT = ROOT / "clients/typescript/src/wire.ts"
SWIFT = ROOT / "clients/swift/Sources/CueBX/Wire.swift"
SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}


def schemas_in_use(document):
    """Names of what is taken and answered, each before what uses it."""
    found = []

    def visit(value):
        if isinstance(value, dict):
            if str(value.get("$ref")).startswith("#/components/schemas/"):
                name = value["$ref"].rsplit("/", 1)[1]
                if name not in found:
                    visit(document["components"]["schemas"][name])
                    if name not in found:
                        found.append(name)
            for each in value.values():
                visit(each)
        elif isinstance(value, list):
            for each in value:
                visit(each)

    for prefix in PREFIXES:
        for path in sorted(document["paths"]):
            if path.startswith(prefix):
                visit(document["paths"][path])
    return found


def python_type(schema):
    if "$ref" in schema:
        return f'"{schema["$ref"].rsplit("/", 1)[1]}"'
    if "enum" in schema:
        values = ", ".join(json.dumps(value) for value in schema["enum"] if value is not None)
        text = f"Literal[{values}]"
        return f"Union[{text}, None]" if None in schema["enum"] else text
    for kind in ("anyOf", "oneOf", "allOf"):
        if kind in schema:
            parts = [python_type(each) for each in schema[kind]]
            return parts[0] if len(set(parts)) == 1 else f"Union[{', '.join(dict.fromkeys(parts))}]"
    kinds = schema.get("type", "object")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    parts = []
    for kind in kinds:
        if kind == "array":
            parts.append(f"List[{python_type(schema.get('items', {}))}]")
        elif kind == "null":
            parts.append("None")
        else:
            parts.append(SCALARS.get(kind, "Dict[str, Any]"))
    return parts[0] if len(parts) == 1 else f"Union[{', '.join(parts)}]"


def python_text(document):
    lines = [
        '"""The wire\'s types. Written by clients/wire_types.py from openapi.json; do not edit."""', "",
        "from __future__ import annotations", "",
        "from typing import Any, Dict, List, Literal, TypedDict, Union", "",
        "# Unknown members and codes may come; a client must not fail on them."]
    for name in schemas_in_use(document):
        schema = document["components"]["schemas"][name]
        if schema.get("type", "object") != "object" or "properties" not in schema:
            lines += ["", "", f"{name} = {python_type(schema)}"]
            continue
        required = set(schema.get("required", []))
        for suffix, fields in (
                ("Required", {key: each for key, each in schema["properties"].items() if key in required}),
                ("", {key: each for key, each in schema["properties"].items() if key not in required})):
            lines += ["", ""]
            if suffix:
                lines.append(f"class _{name}(TypedDict):")
            else:
                lines.append(f"class {name}(_{name}, total=False):")
                about = " ".join(schema.get("description", name).split())
                lines.append(f'    """{about}"""')
            lines += ([""] if fields and not suffix else []) + [
                f"    {key}: {python_type(each)}" for key, each in fields.items()]
            if suffix and not fields:
                lines.append("    pass")
    return "\n".join(lines) + "\n"


def wrapped(text):
    """Long lists of literals and of types over several lines."""
    lines = []
    for line in text.split("\n"):
        name = next((name for name in ("Literal[", "Union[") if name in line), None)
        if len(line) > 100 and name:
            indent = " " * (len(line) - len(line.lstrip()))
            head, _, tail = line.partition(name)
            values, _, rest = tail.partition("]")
            lines.append(f"{head}{name}")
            lines += [f"{indent}    {value.strip()}," for value in values.split(",")]
            lines.append(f"{indent}]{rest}")
        else:
            lines.append(line)
    return "\n".join(lines)


def typescript_type(schema):
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for kind, mark in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
        if kind in schema:
            return mark.join(dict.fromkeys(typescript_type(each) for each in schema[kind]))
    kinds = schema.get("type", "object")
    parts = []
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind == "array":
            item = typescript_type(schema.get("items", {}))
            parts.append(f"({item})[]" if " " in item else f"{item}[]")
        elif kind == "object":
            parts.append(typescript_object(schema))
        else:
            parts.append({"integer": "number"}.get(kind, kind))
    return " | ".join(dict.fromkeys(parts))


def typescript_object(schema):
    """An object that stands within another."""
    if "properties" in schema:
        return "{ " + " ".join(typescript_members(schema)) + " }"
    values = schema.get("additionalProperties")
    return f"Record<string, {typescript_type(values) if isinstance(values, dict) else 'unknown'}>"


def typescript_members(schema):
    required = set(schema.get("required", []))
    return [f"{name}{'' if name in required else '?'}: {typescript_type(each)};"
            for name, each in schema["properties"].items()]


def typescript_text(document):
    lines = [
        "/** The wire's types. Written by clients/wire_types.py from openapi.json; do not edit. */", "",
        "// Unknown members and codes may come; a client must not fail on them."]
    for name in schemas_in_use(document):
        schema = document["components"]["schemas"][name]
        if "description" in schema:
            lines += ["", "/** " + " ".join(schema["description"].split()) + " */"]
        else:
            lines.append("")
        if "properties" in schema:
            lines += [f"export interface {name} {{",
                      *(f"    {member}" for member in typescript_members(schema)), "}"]
        else:
            lines.append(f"export type {name} = {typescript_type(schema)};")
    return "\n".join(lines) + "\n"


def swift_name(name):
    first, *others = name.split("_")
    return first.lower() + "".join(word.capitalize() for word in others)


def swift_type(schema):
    """A union of several types is any JSON."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    for kind in ("anyOf", "oneOf"):
        if kind in schema:
            parts = {swift_type(each) for each in schema[kind] if each.get("type") != "null"}
            return parts.pop() if len(parts) == 1 else "JSON"
    kinds = schema.get("type", "object")
    [kind, *others] = [each for each in (kinds if isinstance(kinds, list) else [kinds]) if each != "null"]
    if others:
        return "JSON"
    if kind == "array":
        return f"[{swift_type(schema.get('items', {}))}]"
    return {"string": "String", "integer": "Int", "boolean": "Bool"}.get(kind, "JSONObject")


def swift_members(schema):
    """(name on the wire, name, type, sentence) of each."""
    return [(name, swift_name(name), swift_type(each), " ".join(each.get("description", name).split()))
            for name, each in schema["properties"].items()]


def swift_object(name, schema):
    """A view of a JSON object, see WireObject.swift."""
    members = swift_members(schema)
    lines = [f"public struct {name}: WireObject {{", "    public var json: JSONObject", "",
             "    public init(_ json: JSONObject) {", "        self.json = json", "    }"]
    lines += ["", "    public init(",
              *[f"        {member}: {kind}? = nil," for _, member, kind, _ in members[:-1]],
              f"        {members[-1][1]}: {members[-1][2]}? = nil",
              "    ) {", "        json = [:]",
              *[f"        self.{member} = {member}" for _, member, _, _ in members], "    }"]
    for wire, member, kind, sentence in members:
        lines += ["", *swift_comment(sentence, "    "), f"    public var {member}: {kind}? {{",
                  f'        get {{ json.value("{wire}") }}',
                  f'        set {{ json.set("{wire}", newValue) }}',
                  "    }"]
    return [*lines, "}"]


def swift_comment(sentence, indent):
    return textwrap.wrap(sentence, 96, initial_indent=f"{indent}/// ", subsequent_indent=f"{indent}/// ",
                         break_on_hyphens=False)


def swift_enum(name, schema):
    lines = [f"public struct {name}: WireText {{", "    public let rawValue: String", "",
             "    public init(rawValue: String) {", "        self.rawValue = rawValue", "    }", ""]
    for value in schema["enum"]:
        if value is not None:
            head, raw = f"    public static let {swift_name(value)} = {name}(", f'rawValue: "{value}")'
            lines += [head + raw] if len(head + raw) <= 100 else [head, f"        {raw}"]
    return [*lines, "}"]


def swift_text(document):
    lines = ["// The wire's types. Written by clients/wire_types.py from openapi.json; do not edit."]
    for name in schemas_in_use(document):
        schema = document["components"]["schemas"][name]
        lines += ["", *swift_comment(" ".join(schema.get("description", f"{name}.").split()), "")]
        if "enum" in schema:
            lines += swift_enum(name, schema)
        elif "properties" in schema:
            lines += swift_object(name, schema)
        else:
            lines.append(f"public typealias {name} = {swift_type(schema)}")
    return "\n".join(lines) + "\n"


def main():
    document = json.loads((ROOT / "openapi.json").read_text())
    failed = 0
    for path, text in (
            (PYTHON, wrapped(python_text(document))), (TYPESCRIPT, typescript_text(document)),
            (SWIFT, swift_text(document))):
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path.relative_to(ROOT)}:1: not what openapi.json says: run clients/wire_types.py")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
