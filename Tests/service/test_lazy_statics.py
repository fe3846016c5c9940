"""The gate of a release build: a constant of another module that is read before it is initialized is found in
the objects, as the assembler makes them here."""

import subprocess

import pytest

from conftest import ROOT

SCRIPT = ROOT / "scripts/lazy_statics.py"
NAME = "$s6Values5MoneyV4noneACvpZ"
TOKEN, ONCE, ACCESSOR = "$s6Values5MoneyV4none_Wz", "$s6Values5MoneyV4none_WZ", "$s6Values5MoneyV4noneACvau"
LAZY = {"Values/Money": [(NAME, ".bss"), (ONCE, ".text")], "Values/Currency": [(TOKEN, ".bss")]}


def objects(folder, files):
    """Builds objects that define symbols in sections, and name those that have none."""
    for place, symbols in files.items():
        target, name = place.split("/")
        text = "".join(
            f'.section {section}\n.globl "{symbol}"\n"{symbol}": .quad 0\n' if section
            else f'.section .data\n.quad "{symbol}"\n' for symbol, section in symbols)
        path = folder / f"{target}.build" / f"{name}.swift.o"
        path.parent.mkdir(exist_ok=True)
        subprocess.run(["cc", "-c", "-x", "assembler", "-", "-o", path], input=text, text=True, check=True)


def told(folder, files):
    objects(folder, files)
    found = subprocess.run([SCRIPT, folder], capture_output=True, text=True)
    return found.returncode, found.stdout


def test_a_constant_that_is_read_before_it_is_initialized_is_named_with_who_reads_it(tmp_path):
    status, text = told(tmp_path, {**LAZY, "Mail/MailTexts": [(NAME, None)]})
    assert (status, text) == (
        1, "static Money.none is read before it is initialized, by Mail.build/MailTexts.swift.o\n")


@pytest.mark.parametrize("reader", [
    [], [(ACCESSOR, None)], [(NAME, None), (TOKEN, None)], [(NAME, None), (ONCE, None)],
    [(NAME, None), (ACCESSOR, None)]], ids=["nobody", "accessor", "token", "once", "both"])
def test_who_initializes_it_may_read_it(tmp_path, reader):
    assert told(tmp_path, {**LAZY, "Mail/MailTexts": reader}) == (0, "")


def test_what_the_compiler_has_laid_out_may_be_read(tmp_path):
    laid_out = {**LAZY, "Values/Money": [(NAME, ".rodata"), (ONCE, ".text")]}
    assert told(tmp_path, {**laid_out, "Mail/MailTexts": [(NAME, None)]}) == (0, "")


def test_what_was_built_of_a_file_that_is_gone_is_passed_over(tmp_path):
    assert told(tmp_path, {**LAZY, "Mail/Attic": [(NAME, None)]}) == (0, "")


def test_without_a_build_nothing_is_said_to_be_sound(tmp_path):
    assert told(tmp_path, {})[0] == 2
