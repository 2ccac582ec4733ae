"""Reads messages with Google's own protobuf library, for xt/python_protobuf.t.

Arguments: a descriptor set. Input lines: a message's full name and its bytes in hex. Output lines: the bytes as Python writes them, in
hex, and the message as text: `{name=value,...}` by name, lists `[...]`, strings and bytes in hex, doubles by their bits.
"""

import struct
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor as Field


def show(field, value):
    if field.cpp_type == Field.CPPTYPE_MESSAGE:
        return message(value)
    if field.type == Field.TYPE_STRING:
        return value.encode("utf-8").hex()
    if field.type == Field.TYPE_BYTES:
        return value.hex()
    if field.cpp_type in (Field.CPPTYPE_DOUBLE, Field.CPPTYPE_FLOAT):
        return struct.pack(">d", value).hex()
    return str(int(value))


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def map_entries(field, entries):
    key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
    shown = ("{key=%s,value=%s}" % (show(key, k), show(value, entries[k])) for k in entries)
    return "[%s]" % ",".join(sorted(shown))


def any_field(field, value):
    if is_map(field):
        return map_entries(field, value)
    # A list has no descriptor and is no string.
    if hasattr(value, "append") and not isinstance(value, (str, bytes)):
        return "[%s]" % ",".join(show(field, item) for item in value)
    return show(field, value)


def message(of):
    fields = sorted(of.ListFields(), key=lambda pair: pair[0].name)
    return "{%s}" % ",".join("%s=%s" % (field.name, any_field(field, value)) for field, value in fields)


def main():
    files = descriptor_pb2.FileDescriptorSet()
    with open(sys.argv[1], "rb") as source:
        files.ParseFromString(source.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    for line in sys.stdin:
        name, _, data = line.strip().partition(" ")
        made = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))()
        made.MergeFromString(bytes.fromhex(data))
        print(made.SerializePartialToString().hex(), message(made))


main()
