use crate::cbor::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn written(f: impl Fn(&mut Writer)) -> String {
    let mut w = Writer::new();
    f(&mut w);
    hex(&w.out)
}

/// The integers of RFC 8949, appendix A.
#[test]
fn integers_have_the_shortest_head() {
    let cases: [(i128, &str); 14] = [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (1000, "1903e8"),
        (1000000, "1a000f4240"),
        (1000000000000, "1b000000e8d4a51000"),
        (18446744073709551615, "1bffffffffffffffff"),
        (18446744073709551616, "c249010000000000000000"),
        (-18446744073709551616, "3bffffffffffffffff"),
        (-18446744073709551617, "c349010000000000000000"),
        (-1, "20"),
        (-10, "29"),
        (-100, "3863"),
        (-1000, "3903e7"),
    ];
    for (n, bytes) in cases {
        assert_eq!(written(|w| w.wide_signed(n)), bytes, "{n}");
    }
}

/// The floats of RFC 8949, appendix A.
#[test]
fn floats_have_the_shortest_form() {
    let cases: [(f64, &str); 18] = [
        (0.0, "f90000"),
        (-0.0, "f98000"),
        (1.0, "f93c00"),
        (1.1, "fb3ff199999999999a"),
        (1.5, "f93e00"),
        (65504.0, "f97bff"),
        (100000.0, "fa47c35000"),
        (3.4028234663852886e+38, "fa7f7fffff"),
        (1.0e+300, "fb7e37e43c8800759c"),
        (5.960464477539063e-8, "f90001"),
        (0.00006103515625, "f90400"),
        (-4.0, "f9c400"),
        (-4.1, "fbc010666666666666"),
        (f64::INFINITY, "f97c00"),
        (f64::NAN, "f97e00"),
        (f64::NEG_INFINITY, "f9fc00"),
        (1.401298464324817e-45, "fa00000001"),
        (5e-324, "fb0000000000000001"),
    ];
    for (value, bytes) in cases {
        assert_eq!(written(|w| w.double(value)), bytes, "{value}");
    }
}

#[test]
fn every_float_comes_back_bit_for_bit() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for round in 0..200_000u64 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        // Few mantissa bits in most rounds, so that the short forms are met.
        let bits = state & !0 << (round % 53);
        let mut w = Writer::new();
        w.double(f64::from_bits(bits));
        assert_eq!(Reader::new(&w.out).float().map(f64::to_bits), Some(bits));
        let mut w = Writer::new();
        w.single(f32::from_bits(bits as u32));
        assert_eq!(Reader::new(&w.out).single().map(f32::to_bits), Some(bits as u32));
        let mut w = Writer::new();
        let small = (state >> 40) as f32 * f32::from_bits(1 << (round % 30));
        w.single(small);
        assert_eq!(Reader::new(&w.out).single().map(f32::to_bits), Some(small.to_bits()));
    }
    for half in 0..=u16::MAX {
        let [high, low] = half.to_be_bytes();
        let value = Reader::new(&[0xf9, high, low]).float().unwrap();
        let mut w = Writer::new();
        w.double(value);
        assert_eq!(w.out, [0xf9, high, low]);
    }
}

#[test]
fn heads_that_are_not_shortest_are_refused() {
    for bytes in [&[0x18u8, 0x17][..], &[0x19, 0, 0xff], &[0x1a, 0, 0, 0xff, 0xff], &[0x1c], &[0x1f]] {
        assert!(Reader::new(bytes).item().is_none(), "{bytes:?}");
    }
}

#[test]
fn lengths_beyond_the_end_are_refused() {
    for bytes in [
        &[0x5bu8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
        &[0x7a, 0x7f, 0xff, 0xff, 0xff],
        &[0x9b, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
        &[0xba, 0, 1, 0, 0, 0],
        &[0x61, 0xff],
        &[],
    ] {
        assert!(Reader::new(bytes).item().is_none(), "{bytes:?}");
    }
}
