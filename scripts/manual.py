#!/usr/bin/env python3
"""Writes the manual of the binary, a page for each command, from the help that the parser dumps.

usage: manual.py BINARY FOLDER
"""

import json
import pathlib
import re
import subprocess
import sys


def commands(command, above=""):
    """Every command with its whole name, e.g. `cuebx users find`."""
    name = f"{above} {command['commandName']}".strip()
    yield name, command
    for sub in command.get("subcommands") or []:
        if sub["commandName"] != "help":
            yield from commands(sub, name)


def examples(command):
    """The lines below `Examples:` in a command's discussion."""
    text = command.get("discussion") or ""
    return re.findall(r"^  (\S.*)$", text.partition("Examples:\n")[2], re.M)


def roff(text):
    """The text as roff shows it: no backslash, dash or dot of it is an instruction."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def option(argument):
    names = [("--" if name["kind"] == "long" else "-") + name["name"]
             for name in argument.get("names", [])]
    value = argument.get("valueName", "value")
    if argument["kind"] == "positional":
        return value.upper()
    return ", ".join(names) + (f" {value.upper()}" if argument["kind"] == "option" else "")


def synopsis(name, command):
    parts = [name]
    for argument in command["arguments"]:
        text = option(argument).split(", ")[-1]
        parts.append(f"[{text}]" if argument["isOptional"] else text)
    if command.get("subcommands"):
        parts.append("COMMAND")
    return " ".join(parts)


def page(name, command, version):
    title = name.replace(" ", "-")
    lines = [f'.TH "{title.upper()}" "1" "" "cuebx {version}" "CueBX Career"', ".SH NAME",
             roff(f"{title} - {command.get('abstract', '').rstrip('.')}").replace(
                 r" \- ", r" \- ", 1),
             ".SH SYNOPSIS", roff(synopsis(name, command))]
    about, _, _ = (command.get("discussion") or "").partition("Examples:\n")
    if about.strip():
        lines += [".SH DESCRIPTION"]
        lines += [roff(part.strip()) if part.strip() else ".PP"
                  for part in about.strip().split("\n")]
    if command["arguments"]:
        lines += [".SH OPTIONS"]
        for argument in command["arguments"]:
            about = argument.get("abstract", "")
            if argument.get("defaultValue"):
                about += f" The default is {argument['defaultValue']}."
            if argument.get("allValues"):
                about += f" One of {', '.join(argument['allValues'])}."
            lines += [".TP", roff(option(argument)), roff(about.strip() or "-")]
    subs = [sub for sub in command.get("subcommands") or [] if sub["commandName"] != "help"]
    if subs:
        lines += [".SH COMMANDS"]
        for sub in subs:
            lines += [".TP", roff(f"{name} {sub['commandName']}"), roff(sub.get("abstract", "-"))]
    if examples(command):
        lines += [".SH EXAMPLES", ".nf", *[roff(line) for line in examples(command)], ".fi"]
    if " " in name:
        lines += [".SH SEE ALSO", roff(name.rsplit(" ", 1)[0].replace(" ", "-")) + "(1)"]
    return "\n".join(lines) + "\n"


def write(root, version, folder):
    for name, command in commands(root):
        path = pathlib.Path(folder) / (name.replace(" ", "-") + ".1")
        path.write_text(page(name, command, version))


def main():
    binary, folder = sys.argv[1:]
    def run(*arguments):
        return subprocess.run([binary, *arguments], check=True, capture_output=True, text=True).stdout
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    write(json.loads(run("--experimental-dump-help"))["command"],
          run("--version").split()[1], folder)


if __name__ == "__main__":
    main()
