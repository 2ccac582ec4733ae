//! Byte strings that cross the ABI.

use crate::message::text;

/// Bytes with a length. If `len` is 0, `data` is not read and may be NULL.
///
/// An argument is read only during the call. A result is borrowed from the handle that the function's comment names.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MesosBytes {
    pub data: *const u8,
    pub len: usize,
}

impl Default for MesosBytes {
    fn default() -> Self {
        MesosBytes {
            data: std::ptr::null(),
            len: 0,
        }
    }
}

impl MesosBytes {
    /// Lends `bytes` to C: the caller documents for how long.
    pub(super) fn borrowed(bytes: &[u8]) -> Self {
        MesosBytes {
            data: bytes.as_ptr(),
            len: bytes.len(),
        }
    }

    /// The bytes.
    ///
    /// # Safety
    /// `data` must point to `len` readable bytes that do not change while the slice lives, unless `len` is 0.
    pub(super) unsafe fn as_slice<'a>(self) -> &'a [u8] {
        if self.len == 0 || self.data.is_null() {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }

    /// A copy of the bytes.
    ///
    /// # Safety
    /// As for [`as_slice`](Self::as_slice).
    pub(super) unsafe fn to_vec(self) -> Vec<u8> {
        // SAFETY: the caller's promise.
        unsafe { self.as_slice() }.to_vec()
    }

    /// The bytes as text; what is not UTF-8 is replaced.
    ///
    /// # Safety
    /// As for [`as_slice`](Self::as_slice).
    pub(super) unsafe fn to_text(self) -> String {
        // SAFETY: the caller's promise.
        String::from_utf8_lossy(unsafe { self.as_slice() }).into_owned()
    }
}

/// An array of byte strings. If `len` is 0, `items` is not read and may be NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MesosBytesList {
    pub items: *const MesosBytes,
    pub len: usize,
}

impl MesosBytesList {
    /// Copies of the byte strings.
    ///
    /// # Safety
    /// `items` must point to `len` valid [`MesosBytes`], unless `len` is 0.
    pub(super) unsafe fn to_vecs(self) -> Vec<Vec<u8>> {
        if self.len == 0 || self.items.is_null() {
            return Vec::new();
        }
        // SAFETY: the caller's promise, for the array and for each item.
        unsafe {
            std::slice::from_raw_parts(self.items, self.len)
                .iter()
                .map(|b| b.to_vec())
                .collect()
        }
    }

    /// The byte strings as text in the sense of [`text`].
    ///
    /// # Safety
    /// As for [`to_vecs`](Self::to_vecs).
    pub(super) unsafe fn to_texts(self) -> Vec<String> {
        // SAFETY: the caller's promise.
        let all = unsafe { self.to_vecs() };
        all.iter().map(|bytes| text::from_bytes(bytes).into_owned()).collect()
    }
}
