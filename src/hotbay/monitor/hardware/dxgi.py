"""Display adapters by DXGI, through COM (dxgi.h of Microsoft's Windows SDK). Owns no state."""

from __future__ import annotations

import ctypes
import sys
import uuid
from typing import Any

from hotbay.monitor.hardware.windows import Adapter

_FACTORY1 = "770aae78-f26f-4dba-a829-253c83d1b387"
_RELEASE, _ENUM_ADAPTERS1, _GET_DESC1 = 2, 12, 10
"""Positions in the tables of IUnknown, IDXGIFactory1 and IDXGIAdapter1."""


class Description(ctypes.Structure):
    """DXGI_ADAPTER_DESC1."""

    _fields_ = (
        ("Description", ctypes.c_uint16 * 128),  # wchar_t is wider elsewhere than on Windows
        ("VendorId", ctypes.c_uint32),
        ("DeviceId", ctypes.c_uint32),
        ("SubSysId", ctypes.c_uint32),
        ("Revision", ctypes.c_uint32),
        ("DedicatedVideoMemory", ctypes.c_size_t),
        ("DedicatedSystemMemory", ctypes.c_size_t),
        ("SharedSystemMemory", ctypes.c_size_t),
        ("AdapterLuid", ctypes.c_uint64),
        ("Flags", ctypes.c_uint32),
    )


def adapter_of(description: Description) -> Adapter:
    """Read a description."""
    text = bytes(description.Description).decode("utf-16-le", "replace")
    return Adapter(
        text.partition("\0")[0],
        description.VendorId,
        description.DedicatedVideoMemory,
        description.SharedSystemMemory,
    )


def adapters() -> list[Adapter]:
    """List the adapters; none elsewhere than on Windows."""
    if sys.platform == "win32":
        return _adapters(ctypes.WinDLL("dxgi"))
    return []


def _adapters(library: ctypes.CDLL) -> list[Adapter]:
    factory, found = ctypes.c_void_p(), []
    wanted = ctypes.create_string_buffer(uuid.UUID(_FACTORY1).bytes_le)
    if library.CreateDXGIFactory1(wanted, ctypes.byref(factory)):
        return []
    adapter, number = ctypes.c_void_p(), 0
    while not _call(factory, _ENUM_ADAPTERS1, ctypes.c_uint32(number), ctypes.byref(adapter)):
        description = Description()
        if not _call(adapter, _GET_DESC1, ctypes.byref(description)):
            found.append(adapter_of(description))
        _call(adapter, _RELEASE)
        number += 1
    _call(factory, _RELEASE)
    return found


def _call(this: ctypes.c_void_p, position: int, *arguments: Any) -> int:
    """Call a method of a COM object by its position in the table; 0 is success."""
    table = ctypes.cast(this, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p))).contents
    kinds = [type(a) if isinstance(a, ctypes.c_uint32) else ctypes.c_void_p for a in arguments]
    method = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, *kinds)(table[position])
    return int(method(this, *arguments))
