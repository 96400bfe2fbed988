#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""job_schema.py SCHEMA FILE...: what the schema says of each file, a line each.

"accepted FILE" or "refused FILE PATH: WORDS". Ends with 77 when python3-jsonschema is missing, and
with 1 when the schema itself is none.
"""
import json
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    sys.exit(77)


def verdict(validator, path):
    with open(path, "rb") as f:
        try:
            document = json.loads(f.read().decode("utf-8"))
        except ValueError as e:
            return f"refused {path} {e}"
    for error in validator.iter_errors(document):
        return f"refused {path} {error.json_path}: {error.message[:100]}"
    return f"accepted {path}"


with open(sys.argv[1], encoding="utf-8") as f:
    schema = json.load(f)
Draft202012Validator.check_schema(schema)
for name in sys.argv[2:]:
    print(verdict(Draft202012Validator(schema), name))
