//! Sections into bytes.

use serde::Serialize;

use super::{FORMAT, HEADER, MAGIC, SectionKind, SnapshotError, checksum};

/// Writes a snapshot, section by section. The same sections in the same order give the same bytes.
#[derive(Debug, Clone)]
pub struct Writer {
    bytes: Vec<u8>,
    kinds: Vec<SectionKind>,
}

impl Default for Writer {
    fn default() -> Writer {
        Writer::new()
    }
}

impl Writer {
    /// A snapshot without sections.
    pub fn new() -> Writer {
        Writer {
            bytes: vec![0; HEADER],
            kinds: Vec::new(),
        }
    }

    /// Adds a section with these bytes; `version` says how they are to be understood and begins at 1.
    ///
    /// # Errors
    /// There is a section of this kind already.
    pub fn section(&mut self, kind: SectionKind, version: u32, bytes: &[u8]) -> Result<(), SnapshotError> {
        if self.kinds.contains(&kind) {
            return Err(SnapshotError::DuplicateSection { section: kind });
        }
        self.kinds.push(kind);
        let start = self.bytes.len();
        self.bytes.reserve(HEADER + bytes.len());
        self.bytes.extend_from_slice(&kind.0);
        self.bytes.extend_from_slice(&version.to_le_bytes());
        self.bytes.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        let sum = checksum(&self.bytes[start..], bytes);
        self.bytes.extend_from_slice(&sum.to_le_bytes());
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds a section that holds a value as MessagePack with named fields. Equal values give equal bytes if their maps are sorted: use
    /// `BTreeMap`, not `HashMap`.
    ///
    /// # Errors
    /// There is a section of this kind already, or the value cannot be serialised.
    pub fn value<T: Serialize + ?Sized>(
        &mut self,
        kind: SectionKind,
        version: u32,
        value: &T,
    ) -> Result<(), SnapshotError> {
        let bytes = rmp_serde::to_vec_named(value).map_err(|error| SnapshotError::NotWritable {
            section: kind,
            problem: error.to_string(),
        })?;
        self.section(kind, version, &bytes)
    }

    /// The snapshot.
    pub fn finish(mut self) -> Vec<u8> {
        let (header, _) = self.bytes.split_at_mut(HEADER);
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        header[12..16].copy_from_slice(&(self.kinds.len() as u32).to_le_bytes());
        let sum = checksum(&header[..16], &[]);
        header[16..].copy_from_slice(&sum.to_le_bytes());
        self.bytes
    }
}
