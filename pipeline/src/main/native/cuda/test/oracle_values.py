"""Turns the oracle values into a C++ source for oracle_test.cpp.

    python3 oracle_values.py REFERENCE_FOLDER OUTPUT.cpp

Arrays are named by where they stand, such as `inputs/u` or `gradients/A/re`; parameters that are texts become the case's
name.
"""

import json
import os
import sys

FILES = (
    "selective_scan",
    "linear_cde",
    "diagonal_scan",
    "s4d",
    "s5",
    "gla",
    "delta_rule",
    "slice",
    "layers",
)


def flat(values):
    """The numbers of nested lists, in row-major order."""
    if not isinstance(values, list):
        return [float(values)]
    return [number for part in values for number in flat(part)]


def shape(values):
    sizes = []
    while isinstance(values, list):
        sizes.append(len(values))
        values = values[0] if values else None
    return sizes


def arrays(place, values):
    """(place, values) of every array in dictionaries of them."""
    if isinstance(values, dict):
        for name in sorted(values):
            yield from arrays(f"{place}/{name}", values[name])
    else:
        yield place, values


def braced(items):
    return "{" + ", ".join(items) + "}"


def main(folder, output):
    numbers, cases = [], []
    for file in FILES:
        with open(os.path.join(folder, file + ".json"), encoding="utf-8") as source:
            content = json.load(source)
        for case in content["cases"]:
            parameters = case["params"]
            texts = [value for value in parameters.values() if isinstance(value, str)]
            settings = [
                f'{{"{name}", {float(value)!r}}}'
                for name, value in parameters.items()
                if isinstance(value, (int, float))
            ]
            found = []
            for group in ("inputs", "outputs", "cotangents", "gradients"):
                for place, values in arrays(group, case[group]):
                    # An array of C++ has at least one element.
                    listed = [repr(number) for number in flat(values)] or ["0.0"]
                    sizes = braced(str(size) for size in shape(values))
                    found.append(f'{{"{place}", {{{sizes}, values_{len(numbers)}}}}}')
                    numbers.append(f"const double values_{len(numbers)}[] = {braced(listed)};")
            name = " ".join(texts)
            cases.append(
                f'{{"{file}", "{parameters["kind"]}", "{name}", {braced(settings)},\n   {braced(found)}}}'
            )
    with open(output, "w", encoding="utf-8") as target:
        target.write('#include "oracle.h"\n\nnamespace oracle {\nnamespace {\n')
        target.write("\n".join(numbers))
        target.write("\n}  // namespace\n\nconst std::vector<Case> &cases() {\n")
        target.write("  static const std::vector<Case> all = {\n  " + ",\n  ".join(cases) + "};\n")
        target.write("  return all;\n}\n\n}  // namespace oracle\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
