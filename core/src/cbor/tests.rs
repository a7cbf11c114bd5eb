use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

#[test]
fn the_encoding_is_the_deterministic_one() {
    // Keys in bytewise order of their encodings: 10, 100, -1, "z", "aa" (RFC 8949 section 4.2.1, the example).
    let map = Value::Map(vec![
        ("aa".into(), 1.into()),
        ("z".into(), 2.into()),
        ((-1).into(), 3.into()),
        (100.into(), 4.into()),
        (10.into(), 5.into()),
    ]);
    assert_eq!(encode(map), hex("a50a05186404200361 7a0262616101".replace(' ', "").as_str()));
    let map = MapWriter::new().uint(24, 1).text(2, "a").bytes(1, &[9]).bool(3, true);
    assert_eq!(map.to_bytes(), hex("a401410902616103f5181801"));
}

#[test]
fn what_has_another_spelling_is_refused() {
    for (bytes, why) in [
        ("1800", "a longer integer than needed"),
        ("190001", "a longer integer than needed"),
        ("1a00000001", "a longer integer than needed"),
        ("1b0000000000000001", "a longer integer than needed"),
        ("580101", "a longer length than needed"),
        ("5f4101ff", "an indefinite byte string"),
        ("7f6161ff", "an indefinite text"),
        ("9f01ff", "an indefinite array"),
        ("bf0101ff", "an indefinite map"),
        ("a202010101", "keys out of order"),
        ("a201010102", "a key twice"),
        ("a21818010101", "keys out of order"),
        ("f90000", "a float"),
        ("fb3ff0000000000000", "a float"),
        ("c001", "a tag"),
        ("c24101", "a tagged big number"),
        ("c249010000000000000000", "a tagged big number"),
        ("f7", "undefined"),
        ("f8ff", "a simple value"),
        ("e0", "a simple value"),
    ] {
        let got = decode(&hex(bytes), 64);
        assert!(matches!(got, Err(CborError::NotDeterministic | CborError::Malformed)), "{why}: {got:?}");
    }
}

#[test]
fn what_is_no_single_item_is_malformed() {
    for bytes in ["", "ff", "01 01", "1c", "61ff", "62c328", "18", "5802", "a101", "8201", "1f", "5f01ff"] {
        let got = decode(&hex(&bytes.replace(' ', "")), 64);
        assert_eq!(got, Err(CborError::Malformed), "{bytes}");
    }
}

#[test]
fn limits_hold_before_anything_is_kept() {
    assert_eq!(decode(&[0; 9], 8), Err(CborError::TooLong { limit: 8 }));
    // Lengths of 2^64 - 1 and 2^40 with nothing behind them: nothing of the kind may be allocated.
    for head in [0x5b, 0x7b, 0x9b, 0xbb] {
        for len in [u64::MAX, 1 << 63, 1 << 40] {
            let mut bytes = vec![head];
            bytes.extend(len.to_be_bytes());
            assert_eq!(decode(&bytes, 64), Err(CborError::Malformed));
            // And once more inside arrays that declare as much as is believed.
            let nested: Vec<u8> = [hex("9903ff").repeat(6), bytes].concat();
            assert_eq!(decode(&nested, 64), Err(CborError::Malformed));
        }
    }
}

#[test]
fn nesting_ends_before_the_stack_does() {
    for head in [0x81, 0xc1, 0x9f, 0xbf] {
        assert_eq!(decode(&vec![head; 100_000], 100_000), Err(CborError::Malformed));
    }
    // Maps nested by their keys.
    let keys = [vec![0xa1; 50_000], vec![0x01; 50_001]].concat();
    assert_eq!(decode(&keys, 1 << 20), Err(CborError::Malformed));

    let nested = |depth| [vec![0x81; depth], vec![0x01]].concat();
    let deepest = (1..20).rev().find(|depth| decode(&nested(*depth), 64).is_ok());
    assert!(deepest.is_some_and(|depth| (MAX_DEPTH - 1..=MAX_DEPTH).contains(&depth)), "{deepest:?}");
}

#[test]
fn fields_are_typed_and_all_accounted_for() {
    let bytes = MapWriter::new()
        .uint(1, MAX_UINT)
        .bytes(2, &[7; 16])
        .text(3, "text")
        .array(4, [Value::from(1), Value::from(2)])
        .map(5, MapWriter::new().uint(1, 5))
        .optional(None::<u64>, |map, number| map.uint(6, number))
        .optional(Some(8), |map, number| map.uint(7, number))
        .to_bytes();
    let fields = || Fields::decode(&bytes, 256).unwrap();
    let field = |key| fields().take(key).unwrap();

    assert_eq!(field(1).uint(), Ok(MAX_UINT));
    assert_eq!(field(1).uint32(), Err(CborError::Field { key: 1 }));
    assert_eq!(field(2).bytes16(), Ok([7; 16]));
    assert_eq!(field(2).bytes32(), Err(CborError::Field { key: 2 }));
    assert_eq!(field(2).bytes(1..=15), Err(CborError::Field { key: 2 }));
    assert_eq!(field(2).text(0..=99), Err(CborError::Field { key: 2 }));
    assert_eq!(field(3).text(1..=4), Ok("text".to_owned()));
    assert_eq!(field(3).text(5..=9), Err(CborError::Field { key: 3 }));
    assert_eq!(field(4).array(2..=2).unwrap().len(), 2);
    assert_eq!(field(4).array(3..=9).err(), Some(CborError::Field { key: 4 }));
    assert_eq!(field(4).array(0..=2).unwrap()[1].bool(), Err(CborError::Field { key: 4 }));
    assert_eq!(field(5).fields().unwrap().take(1).unwrap().uint(), Ok(5));
    assert_eq!(field(1).fields().err(), Some(CborError::Field { key: 1 }));
    assert_eq!(fields().take(6).err(), Some(CborError::Missing { key: 6 }));
    assert!(fields().take_optional(6).is_none());

    let mut fields = fields();
    for key in [1, 2, 3, 4, 5] {
        fields.take(key).unwrap();
    }
    assert_eq!(fields.finish(), Err(CborError::Unknown { key: 7 }));
}

#[test]
fn only_integer_keys_and_catalog_sized_numbers() {
    assert_eq!(Fields::decode(&hex("a1616101"), 64).err(), Some(CborError::Shape));
    assert_eq!(Fields::decode(&hex("a12001"), 64).err(), Some(CborError::Shape));
    assert_eq!(Fields::decode(&hex("8101"), 64).err(), Some(CborError::Shape));
    let above = MapWriter::new().uint(1, MAX_UINT + 1).to_bytes();
    let item = Fields::decode(&above, 64).unwrap().take(1).unwrap();
    assert_eq!(item.uint(), Err(CborError::Field { key: 1 }));
}

#[test]
fn a_secret_message_has_the_same_bytes_and_never_grows() {
    let map = || MapWriter::new().bytes(2, &[5; 300]).map(1, MapWriter::new().text(9, "secret"));
    let secret = map().to_secret_bytes();
    assert_eq!(*secret, map().to_bytes());
    assert!(secret.capacity() < secret.len() + 64);
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        ".{0,12}".prop_map(Value::Text),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::btree_map(any::<u32>(), inner, 0..6)
                .prop_map(|map| { Value::Map(map.into_iter().rev().map(|(k, v)| (Value::from(k), v)).collect(),) }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in values()) {
        let bytes = encode(value.clone());
        let read = decode(&bytes, bytes.len()).unwrap();
        prop_assert_eq!(encode(read), bytes.clone());
        prop_assert_eq!(ordered(value.clone()), decode(&bytes, bytes.len()).unwrap());
        prop_assert!(bytes.len() <= max_len(&value));
    }

    #[test]
    fn whatever_is_read_has_one_spelling(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(value) = decode(&bytes, 64) {
            prop_assert_eq!(encode(value), bytes);
        }
    }
}
