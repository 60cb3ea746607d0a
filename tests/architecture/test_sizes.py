"""How large files and functions may be, and the bars over all of them."""

import statistics

from tests.architecture.source import Function, depth, functions, nothing, product, read

SMALL = ("tasks", "workflows", "app/api", "app/commands")
FILE_BARS = {"tests": 400, "app/engine": 250, **dict.fromkeys(SMALL, 200)}
ENDPOINT = {"get", "post", "put", "patch", "delete"}


def file_bar(name: str) -> int:
    return next((bar for folder, bar in FILE_BARS.items() if name.startswith(f"{folder}/")), 300)


def function_bar(function: Function) -> int:
    source = function.source
    is_action = "action" in function.decorators
    is_endpoint = source.within("app/api", "app/web") and function.decorators & ENDPOINT
    is_command = source.within("app/commands") and not function.node.name.startswith("_")
    return 25 if is_action or is_endpoint or is_command else 40


def test_no_file_is_longer_than_its_folder_allows():
    everything = read("app", "tasks", "workflows", "config", "migrations", "benchmarks", "tests")
    found = [f"{s.name}: {s.lines} > {file_bar(s.name)}" for s in everything if s.lines > file_bar(s.name)]
    nothing(found)


def test_no_function_is_longer_than_its_kind_allows():
    found = [
        f"{f.where}: {f.lines} > {bar}" for f in functions(product()) if f.lines > (bar := function_bar(f))
    ]
    nothing(found)


def test_no_function_takes_more_than_five_parameters():
    found = []
    for function in functions(product()):
        given = function.node.args
        names = [arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        if len([name for name in names if name not in ("self", "cls")]) > 5:
            found.append(f"{function.where}: {', '.join(names)}")
    nothing(found)


def test_no_function_nests_deeper_than_three():
    nothing([f.where for f in functions(product()) if depth(f.node) > 3])


def test_half_of_the_files_have_at_most_ninety_lines():
    assert statistics.median(source.lines for source in product()) <= 90


def test_nineteen_of_twenty_functions_have_at_most_twenty_five_lines():
    sizes = [function.lines for function in functions(product())]
    assert sum(size <= 25 for size in sizes) / len(sizes) >= 0.95


def test_the_tests_are_as_long_as_what_they_test_and_less_than_twice():
    ratio = sum(s.lines for s in read("tests")) / sum(s.lines for s in product())
    assert 1.0 <= ratio <= 1.8
