"""The calls behind `hotbay.monitor.gpu.d3dkmt`: gdi32.dll and the performance counters (pdh.dll).

Owns the open adapters and the counter query. Names and layouts are those of d3dkmthk.h and pdh.h
in Microsoft's Windows SDK for 64-bit programs.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes
from typing import Any

from hotbay.monitor.gpu.d3dkmt import Adapter, Kernel, Luid
from hotbay.monitor.gpu.source import SourceError

ADAPTERS = 16
"""MAX_ENUM_ADAPTERS."""
_ADAPTER_INFO = struct.Struct("<IIiII")
_DOUBLE = 0x200
_COUNTER = r"\GPU Engine(*)\Utilization Percentage"


class _QueryAdapterInfo(ctypes.Structure):
    """D3DKMT_QUERYADAPTERINFO."""

    _fields_ = (
        ("hAdapter", ctypes.c_uint32),
        ("Type", ctypes.c_uint32),
        ("pPrivateDriverData", ctypes.c_void_p),
        ("PrivateDriverDataSize", ctypes.c_uint32),
    )


class _CounterItem(ctypes.Structure):
    """PDH_FMT_COUNTERVALUE_ITEM_W with a double."""

    _fields_ = (
        ("szName", ctypes.c_wchar_p),
        ("CStatus", ctypes.c_uint32),
        ("doubleValue", ctypes.c_double),
    )


@contextmanager
def open_kernel() -> Iterator[Kernel]:
    """Provide the calls while the context is open.

    Raises:
        SourceError: this is not a 64-bit Windows.
    """
    if sys.platform == "win32" and ctypes.sizeof(ctypes.c_void_p) == 8:
        kernel = _Gdi32(ctypes.WinDLL("gdi32"), ctypes.WinDLL("pdh"))
        try:
            yield kernel
        finally:
            kernel.close()
    else:
        raise SourceError("only a 64-bit Windows has it")


class _Gdi32:
    def __init__(self, gdi: Any, pdh: Any) -> None:
        self._gdi = gdi
        self._pdh = pdh
        self._opened: list[Adapter] = []
        self._query = wintypes.HANDLE()
        self._counter = wintypes.HANDLE()
        # 0 is success for all of these; the first collection is what the next is compared with.
        self._counts = (
            not pdh.PdhOpenQueryW(None, None, ctypes.byref(self._query))
            and not pdh.PdhAddEnglishCounterW(
                self._query, _COUNTER, None, ctypes.byref(self._counter)
            )
            and not pdh.PdhCollectQueryData(self._query)
        )

    def adapters(self) -> list[Adapter]:
        buffer = ctypes.create_string_buffer(4 + ADAPTERS * _ADAPTER_INFO.size)
        if self._gdi.D3DKMTEnumAdapters(buffer):
            return []
        (count,) = struct.unpack_from("<I", buffer, 0)
        for index in range(min(count, ADAPTERS)):
            handle, low, high, _, _ = _ADAPTER_INFO.unpack_from(
                buffer, 4 + index * _ADAPTER_INFO.size
            )
            self._opened.append(Adapter(handle, Luid(high, low)))
        return self._opened

    def statistics(self, query: bytearray) -> bool:
        return not self._gdi.D3DKMTQueryStatistics((ctypes.c_char * len(query)).from_buffer(query))

    def adapter_info(self, adapter: Adapter, kind: int, size: int) -> bytes:
        buffer = ctypes.create_string_buffer(size)
        asked = _QueryAdapterInfo(adapter.handle, kind, ctypes.cast(buffer, ctypes.c_void_p), size)
        refused = self._gdi.D3DKMTQueryAdapterInfo(ctypes.byref(asked))
        return bytes(size) if refused else buffer.raw

    def engine_counters(self) -> list[tuple[str, float]] | None:
        if not self._counts or self._pdh.PdhCollectQueryData(self._query):
            return None
        size, count = wintypes.DWORD(0), wintypes.DWORD(0)
        sizes = ctypes.byref(size), ctypes.byref(count)
        self._pdh.PdhGetFormattedCounterArrayW(self._counter, _DOUBLE, *sizes, None)
        buffer = ctypes.create_string_buffer(max(1, size.value))
        if self._pdh.PdhGetFormattedCounterArrayW(self._counter, _DOUBLE, *sizes, buffer):
            return None
        items = ctypes.cast(buffer, ctypes.POINTER(_CounterItem))
        return [(items[i].szName or "", items[i].doubleValue) for i in range(count.value)]

    def close(self) -> None:
        for adapter in self._opened:
            self._gdi.D3DKMTCloseAdapter(ctypes.byref(ctypes.c_uint32(adapter.handle)))
        if self._query.value:
            self._pdh.PdhCloseQuery(self._query)
