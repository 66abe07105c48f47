use proptest::prelude::*;

use super::*;

const A: SectionKind = SectionKind(*b"aaaa");
const B: SectionKind = SectionKind(*b"bbbb");

fn sample() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.value(A, 1, &vec![(1_u8, "one"), (2, "two")]).unwrap();
    writer.section(B, 7, b"\0bytes").unwrap();
    writer.finish()
}

/// Puts right the checksum of the header, after a change to it.
fn mend(bytes: &mut [u8]) {
    let sum = checksum(&bytes[..16], &[]);
    bytes[16..20].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn sections_come_back_and_the_unknown_are_skipped() {
    let bytes = sample();
    let reader = Reader::new(&bytes).unwrap();
    assert_eq!(reader.kinds().collect::<Vec<_>>(), [A, B]);
    assert_eq!(
        reader.required_value::<Vec<(u8, String)>>(A, 1).unwrap(),
        [(1, "one".to_owned()), (2, "two".to_owned())]
    );
    assert_eq!(
        reader.section(B, 9).unwrap(),
        Some(Section {
            version: 7,
            bytes: b"\0bytes"
        })
    );
    let other = SectionKind(*b"cccc");
    assert_eq!(reader.section(other, 1).unwrap(), None);
    assert_eq!(
        reader.required(other, 1).unwrap_err(),
        SnapshotError::MissingSection { section: other }
    );
}

#[test]
fn the_bytes_are_those_of_the_table() {
    let mut writer = Writer::new();
    writer.section(A, 3, &[9, 8]).unwrap();
    let bytes = writer.finish();
    assert_eq!(bytes[..8], MAGIC);
    assert_eq!(bytes[8..16], [1, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(&bytes[20..24], b"aaaa");
    assert_eq!(bytes[24..36], [3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[40..], [9, 8]);
    // The check value of CRC-32C (Castagnoli) in the catalogue of parametrised CRC algorithms.
    assert_eq!(checksum(b"1234", b"56789"), 0xe306_9283);
    assert_eq!(Writer::new().finish().len(), 20);
    assert_eq!(Reader::new(&Writer::new().finish()).unwrap().kinds().count(), 0);
}

#[test]
fn what_is_no_snapshot_is_called_so() {
    for bytes in [&b""[..], b"{\"version\":1}", b"\x89PNG\r\n\x1a\n", b"\x89dras\n\x1a"] {
        assert_eq!(Reader::new(bytes).unwrap_err(), SnapshotError::NotASnapshot);
    }
}

#[test]
fn other_versions_are_refused() {
    let mut bytes = sample();
    let reader = Reader::new(&bytes).unwrap();
    let error = reader.section(B, 6).unwrap_err();
    assert_eq!(
        error.to_string(),
        "section `bbbb` of the snapshot has version 7, but this release reads versions 1 to 6; read it with the release that wrote it"
    );
    bytes[8] = 2;
    assert_eq!(
        Reader::new(&bytes).unwrap_err(),
        SnapshotError::UnsupportedFormat { found: 2 }
    );
    let mut writer = Writer::new();
    writer.section(A, 0, &[]).unwrap();
    let bytes = writer.finish();
    let error = Reader::new(&bytes).unwrap().section(A, 1).unwrap_err();
    assert!(matches!(error, SnapshotError::UnsupportedVersion { found: 0, .. }));
}

#[test]
fn a_kind_comes_once() {
    let mut writer = Writer::new();
    writer.section(A, 1, &[1]).unwrap();
    let once = writer.clone();
    let twice = SnapshotError::DuplicateSection { section: A };
    assert_eq!(writer.section(A, 1, &[2]).unwrap_err(), twice);
    assert_eq!(writer.finish(), once.clone().finish());
    let mut bytes = once.finish();
    bytes.extend_from_within(20..);
    bytes[12] = 2;
    mend(&mut bytes);
    assert_eq!(Reader::new(&bytes).unwrap_err(), twice);
}

#[test]
fn more_or_fewer_sections_than_there_are_is_an_error() {
    for (count, more) in [(u32::MAX, false), (3, false), (1, true)] {
        let mut bytes = sample();
        bytes[12..16].copy_from_slice(&count.to_le_bytes());
        mend(&mut bytes);
        let error = Reader::new(&bytes).unwrap_err();
        assert_eq!(matches!(error, SnapshotError::TrailingBytes { .. }), more, "{error}");
        assert_eq!(matches!(error, SnapshotError::TruncatedAt { .. }), !more, "{error}");
    }
}

#[test]
fn a_value_of_another_shape_or_followed_by_more_is_an_error() {
    let bytes = sample();
    let reader = Reader::new(&bytes).unwrap();
    let error = reader.value::<u32>(A, 1).unwrap_err();
    assert!(matches!(error, SnapshotError::Value { section: A, .. }), "{error}");
    let mut writer = Writer::new();
    writer.section(A, 1, &[1, 2]).unwrap();
    let bytes = writer.finish();
    let error = Reader::new(&bytes).unwrap().value::<u32>(A, 1).unwrap_err();
    assert!(
        matches!(error, SnapshotError::Inconsistent { section: A, .. }),
        "{error}"
    );
}

#[test]
fn a_lying_length_allocates_nothing() {
    // MessagePack: an array of 2³² − 1 elements, a text and a blob of as many bytes, and nesting without end.
    for head in [0xdd_u8, 0xdb, 0xc6, 0x91] {
        let mut content = vec![head, 0xff, 0xff, 0xff, 0xff];
        if head == 0x91 {
            content = vec![head; 100_000];
        }
        let mut writer = Writer::new();
        writer.section(A, 1, &content).unwrap();
        let bytes = writer.finish();
        let reader = Reader::new(&bytes).unwrap();
        assert!(reader.value::<Vec<u64>>(A, 1).is_err());
        assert!(reader.value::<String>(A, 1).is_err());
        assert!(reader.value::<Nested>(A, 1).is_err());
    }
    for count in [2, usize::MAX, usize::MAX / 8 + 2] {
        let mut arrays = ArrayReader::new(A, &[0; 15]);
        assert!(matches!(
            arrays.i64s(count),
            Err(SnapshotError::TruncatedAt {
                offset: 0,
                have: 15,
                ..
            })
        ));
        assert!(arrays.f64s(count).is_err());
    }
}

#[derive(Debug, serde::Deserialize)]
struct Nested(#[expect(dead_code, reason = "only its depth matters")] Vec<Nested>);

proptest! {
    #[test]
    fn arrays_come_back_bit_by_bit(
        longs in proptest::collection::vec(any::<i64>(), 0..50),
        bits in proptest::collection::vec(any::<u64>(), 0..50),
        counts in proptest::collection::vec(any::<u32>(), 0..50),
    ) {
        let floats: Vec<f64> = bits.iter().copied().map(f64::from_bits).collect();
        let mut writer = ArrayWriter::new();
        writer.i64s(&longs);
        writer.u32s(&counts);
        writer.f64s(&floats);
        let mut reader = ArrayReader::new(A, writer.bytes());
        prop_assert_eq!(reader.i64s(longs.len()).unwrap(), longs);
        prop_assert_eq!(reader.u32s(counts.len()).unwrap(), counts);
        prop_assert_eq!(reader.clone().finish().is_ok(), bits.is_empty());
        let read: Vec<u64> = reader.f64s(bits.len()).unwrap().into_iter().map(f64::to_bits).collect();
        prop_assert_eq!(read, bits);
        prop_assert!(reader.finish().is_ok());
    }

    /// Whatever the bytes, there is an error or a value.
    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), begins in any::<bool>()) {
        if begins {
            bytes.splice(0..0, MAGIC.into_iter().chain([1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]));
            mend(&mut bytes);
        }
        prop_assert!(Reader::new(&bytes).is_err());
    }

    #[test]
    fn any_change_of_one_bit_is_found(bit in any::<prop::sample::Index>()) {
        let mut bytes = sample();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Reader::new(&bytes).is_err());
    }
}

#[test]
fn any_cut_is_found() {
    let bytes = sample();
    for length in 0..bytes.len() {
        let error = Reader::new(&bytes[..length]).unwrap_err();
        let none = length == 0 && error == SnapshotError::NotASnapshot;
        assert!(
            none || matches!(error, SnapshotError::TruncatedAt { .. }),
            "{length}: {error}"
        );
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(
        Reader::new(&longer),
        Err(SnapshotError::TrailingBytes { bytes: 1, .. })
    ));
}
