//! Columns of numbers: little-endian, one after the other, without lengths. Whoever reads them knows how many to expect.

use super::{SectionKind, SnapshotError};

/// Columns of numbers for a section.
#[derive(Debug, Clone, Default)]
pub struct ArrayWriter {
    bytes: Vec<u8>,
}

impl ArrayWriter {
    /// No columns.
    pub fn new() -> ArrayWriter {
        ArrayWriter::default()
    }

    /// The section's bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Grows once and fills in place, which compiles to a copy where the machine is little-endian.
    fn put<T: Copy, const N: usize>(&mut self, values: impl ExactSizeIterator<Item = T>, convert: fn(T) -> [u8; N]) {
        let start = self.bytes.len();
        self.bytes.resize(start + values.len() * N, 0);
        let (cells, _) = self.bytes[start..].as_chunks_mut::<N>();
        for (cell, value) in cells.iter_mut().zip(values) {
            *cell = convert(value);
        }
    }

    /// Appends 64-bit integers.
    pub fn i64s(&mut self, values: &[i64]) {
        self.put(values.iter().copied(), i64::to_le_bytes);
    }

    /// Appends 32-bit integers.
    pub fn u32s(&mut self, values: &[u32]) {
        self.put(values.iter().copied(), u32::to_le_bytes);
    }

    /// Appends floating-point numbers, bit by bit: also the bits of NaN stay.
    pub fn f64s(&mut self, values: &[f64]) {
        self.put(values.iter().copied(), |x| x.to_bits().to_le_bytes());
    }
}

/// Reads the columns of a section in the order in which they were written.
#[derive(Debug, Clone)]
pub struct ArrayReader<'s> {
    section: SectionKind,
    bytes: &'s [u8],
    at: usize,
}

impl<'s> ArrayReader<'s> {
    /// From the beginning of a section's bytes.
    pub fn new(section: SectionKind, bytes: &'s [u8]) -> ArrayReader<'s> {
        ArrayReader { section, bytes, at: 0 }
    }

    /// The next `count` numbers of `N` bytes; allocates only once they are known to be there.
    fn take<T, const N: usize>(&mut self, count: usize, convert: fn([u8; N]) -> T) -> Result<Vec<T>, SnapshotError> {
        let rest = &self.bytes[self.at..];
        let needed = (count as u64).saturating_mul(N as u64);
        let taken = usize::try_from(needed).ok().and_then(|needed| rest.get(..needed));
        let taken = taken.ok_or(SnapshotError::TruncatedAt {
            offset: self.at as u64,
            needed,
            have: rest.len() as u64,
        })?;
        self.at += taken.len();
        Ok(taken.as_chunks::<N>().0.iter().map(|cell| convert(*cell)).collect())
    }

    /// The next 64-bit integers.
    ///
    /// # Errors
    /// There are fewer.
    pub fn i64s(&mut self, count: usize) -> Result<Vec<i64>, SnapshotError> {
        self.take(count, i64::from_le_bytes)
    }

    /// The next 32-bit integers.
    ///
    /// # Errors
    /// There are fewer.
    pub fn u32s(&mut self, count: usize) -> Result<Vec<u32>, SnapshotError> {
        self.take(count, u32::from_le_bytes)
    }

    /// The next floating-point numbers.
    ///
    /// # Errors
    /// There are fewer.
    pub fn f64s(&mut self, count: usize) -> Result<Vec<f64>, SnapshotError> {
        self.take(count, |cell| f64::from_bits(u64::from_le_bytes(cell)))
    }

    /// Makes sure that all of the section was read.
    ///
    /// # Errors
    /// There are more numbers.
    pub fn finish(self) -> Result<(), SnapshotError> {
        if self.at < self.bytes.len() {
            return Err(SnapshotError::Inconsistent {
                section: self.section,
                problem: "it has more numbers than the sections before say",
            });
        }
        Ok(())
    }
}
