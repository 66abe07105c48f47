//! Snapshots: state as bytes that outlive a process, a release and a change of rules.
//!
//! A snapshot is a small container of sections. This stage knows the container only; what a section holds is said where its state lives.
//! All numbers are little-endian.
//!
//! | bytes | header |
//! | --- | --- |
//! | 8 | [`MAGIC`]: its first byte is no text, and its line end shows a transfer that changes line ends |
//! | 4 | format version, [`FORMAT`] |
//! | 4 | number of sections |
//! | 4 | CRC32C of the 16 bytes before |
//!
//! | bytes | each section |
//! | --- | --- |
//! | 4 | kind: four letters |
//! | 4 | version of what it holds |
//! | 8 | length *n* |
//! | 4 | CRC32C of the 16 bytes before and the *n* bytes after |
//! | *n* | what it holds |
//!
//! A reader asks for the kinds that it knows: others are skipped, so that an older release reads what a newer one wrote as far as it
//! understands it. A newer version of a kind that it does know is refused. Small parts that change with releases are named MessagePack
//! ([`Writer::value`]): fields can come without a new version where old readers may ignore them and new ones have a default. Long columns of
//! numbers are plain arrays ([`ArrayWriter`]).
//!
//! Whatever the bytes, reading gives an error or a value: it does not panic, and beyond a megabyte it allocates no more than a small multiple of the bytes
//! that are there, whatever lengths they claim. Checksums find damage, not malice: who can write a snapshot can write its checksums.
//!
//! ```
//! use dras_core::snapshot::{Reader, SectionKind, SnapshotError, Writer};
//!
//! const NOTE: SectionKind = SectionKind(*b"note");
//! let mut writer = Writer::new();
//! writer.value(NOTE, 1, &("orders", 4))?;
//! let bytes = writer.finish();
//!
//! let reader = Reader::new(&bytes)?;
//! assert_eq!(reader.value::<(String, u32)>(NOTE, 1)?, Some(("orders".to_owned(), 4)));
//! assert_eq!(reader.value::<u32>(SectionKind(*b"else"), 1)?, None);
//!
//! let cut = Reader::new(&bytes[..bytes.len() - 1]).unwrap_err();
//! assert_eq!(cut.to_string(), "the snapshot is cut off: 9 bytes should follow byte 40, but there are 8; fetch it again, whole");
//! # Ok::<(), SnapshotError>(())
//! ```

mod arrays;
mod error;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;

pub use arrays::{ArrayReader, ArrayWriter};
pub use error::SnapshotError;
pub use reader::{Reader, Section};
pub use writer::Writer;

/// What every snapshot begins with.
pub const MAGIC: [u8; 8] = *b"\x89dras\r\n\x1a";

/// The version of the container that is written and read.
pub const FORMAT: u32 = 1;

/// Bytes of the container's header, and of each section's.
const HEADER: usize = 20;

/// What a section holds: four letters, lower case for what dras writes itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SectionKind(pub [u8; 4]);

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SectionKind({self})")
    }
}

/// The checksum of a header or section: of what stands before it, and of what it holds.
fn checksum(before: &[u8], content: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(before), content)
}
