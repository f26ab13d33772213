pub fn triple(x: u8) -> u8 { 3 * x }
