//! The short words that both screens show and two people compare.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::ids::ClinicId;
use crate::invitation::Token;

/// How many words are shown. Each stands for one byte.
pub const WORDS_SHOWN: usize = 4;

/// What both sides know once both nonces are revealed.
#[derive(Debug, Clone, Copy)]
pub struct WordsInput<'a> {
    /// SHA-256 of the CA certificate that the phone checked and that the clinic holds.
    pub ca_sha256: &'a [u8; 32],
    /// The clinic.
    pub clinic_id: ClinicId,
    /// The invitation's token, of which [`Token::hash`] goes in.
    pub token: &'a Token,
    /// The certificate request in DER.
    pub csr: &'a [u8],
    /// The phone's nonce.
    pub phone_nonce: &'a [u8; 32],
    /// The clinic's nonce.
    pub clinic_nonce: &'a [u8; 32],
}

/// The words, the same on both screens unless someone sits in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words([&'static str; WORDS_SHOWN]);

impl Words {
    /// From the first bytes of SHA-256 over a label and all of `input`. Every part has a fixed length.
    #[must_use]
    pub fn derive(input: &WordsInput<'_>) -> Self {
        let digest = Sha256::new()
            .chain_update(b"safelight/enrol/words")
            .chain_update(input.ca_sha256)
            .chain_update(input.clinic_id.as_bytes())
            .chain_update(input.token.hash())
            .chain_update(Sha256::digest(input.csr))
            .chain_update(input.phone_nonce)
            .chain_update(input.clinic_nonce)
            .finalize();
        let [a, b, c, d, ..] = digest.0;
        Self([a, b, c, d].map(word))
    }

    /// The words in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[&'static str] {
        &self.0
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[allow(clippy::indexing_slicing, reason = "the list has as many words as a byte has values")]
fn word(byte: u8) -> &'static str {
    LIST[usize::from(byte)]
}

/// Things one can picture, of 4 to 8 letters, any two at least three letters apart so that they are hard to
/// mishear or misread. The order is part of the protocol.
#[rustfmt::skip]
const LIST: [&str; 256] = [
    "acorn", "album", "almond", "amber", "anchor", "animal", "apple", "apron", "artist", "atlas",
    "autumn", "avenue", "badge", "bakery", "balcony", "bamboo", "banana", "banjo", "barley",
    "basket", "beacon", "beaver", "bedroom", "beetle", "bicycle", "biscuit", "blossom", "bonfire",
    "branch", "bread", "breeze", "bubble", "buffalo", "butter", "cabbage", "cabin", "cactus",
    "camel", "candle", "canyon", "captain", "caravan", "carpet", "cedar", "cereal", "chalk",
    "cherry", "chess", "chimney", "chorus", "cinema", "circle", "city", "cliff", "clock",
    "clover", "coast", "coconut", "coffee", "compass", "copper", "cottage", "cotton", "cricket",
    "crystal", "cushion", "daisy", "dancer", "denim", "desert", "dolphin", "donkey", "dragon",
    "drummer", "eagle", "earring", "echo", "emerald", "engine", "evening", "factory", "farmer",
    "feather", "fiddle", "fisher", "flute", "forest", "fossil", "fridge", "galaxy", "garage",
    "garden", "garlic", "gazelle", "ginger", "giraffe", "glacier", "goblet", "gondola", "granite",
    "grass", "guitar", "hamster", "harvest", "helmet", "hexagon", "hilltop", "hotel", "igloo",
    "indigo", "insect", "island", "ivory", "jaguar", "jasmine", "jelly", "jersey", "jigsaw",
    "journey", "jungle", "juniper", "kayak", "kitchen", "koala", "ladder", "lagoon", "lantern",
    "laundry", "lemon", "leopard", "lilac", "lizard", "lobster", "locket", "lunch", "magnet",
    "magpie", "marble", "meadow", "melody", "meteor", "mimosa", "mineral", "mirror", "mitten",
    "mosaic", "muffin", "museum", "mustard", "napkin", "nectar", "nest", "noodle", "nutmeg",
    "oasis", "oatmeal", "ocean", "octagon", "octopus", "olive", "onion", "opera", "orange",
    "orbit", "orchard", "ostrich", "painter", "palace", "pancake", "panda", "papaya", "paper",
    "parrot", "pasture", "peach", "peanut", "pelican", "pencil", "petal", "piano", "picnic",
    "pigeon", "pillow", "pirate", "poem", "poppy", "potato", "pottery", "prairie", "pumpkin",
    "puppet", "quarry", "quilt", "rabbit", "radish", "railway", "rainbow", "raisin", "raven",
    "recipe", "ribbon", "ruby", "saffron", "sailor", "salad", "sausage", "scarf", "school",
    "scooter", "seagull", "shelter", "silver", "skater", "slipper", "snail", "soccer", "sofa",
    "spider", "spinach", "sponge", "spring", "squash", "stable", "stadium", "stream", "sugar",
    "sunset", "swallow", "tadpole", "teapot", "temple", "tennis", "thimble", "thunder", "tower",
    "tractor", "trumpet", "tulip", "tunnel", "turtle", "unicorn", "vanilla", "village", "vinegar",
    "violet", "volcano", "waffle", "walnut", "wheat", "whistle", "window", "wombat", "writer",
    "yacht", "zebra", "zigzag",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: &str, b: &str) -> usize {
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.bytes().enumerate() {
            let mut next = vec![i + 1];
            for (j, y) in b.bytes().enumerate() {
                next.push((row[j + 1] + 1).min(next[j] + 1).min(row[j] + usize::from(x != y)));
            }
            row = next;
        }
        row[b.len()]
    }

    #[test]
    fn the_words_are_plain_and_far_apart() {
        for (i, a) in LIST.iter().enumerate() {
            assert!((4..=8).contains(&a.len()) && a.bytes().all(|byte| byte.is_ascii_lowercase()), "{a}");
            for b in &LIST[..i] {
                assert!(distance(a, b) >= 3, "{a} {b}");
            }
        }
        assert!(LIST.is_sorted());
    }

    #[test]
    fn every_part_changes_the_words() {
        let (token, other) = (Token::from_bytes([3; 16]), Token::from_bytes([4; 16]));
        let input = WordsInput {
            ca_sha256: &[1; 32],
            clinic_id: ClinicId::from_bytes([2; 16]),
            token: &token,
            csr: b"request",
            phone_nonce: &[5; 32],
            clinic_nonce: &[6; 32],
        };
        let words = Words::derive(&input);
        assert_eq!(words, Words::derive(&input.clone()));
        for changed in [
            WordsInput { ca_sha256: &[9; 32], ..input },
            WordsInput { clinic_id: ClinicId::from_bytes([9; 16]), ..input },
            WordsInput { token: &other, ..input },
            WordsInput { csr: b"another", ..input },
            WordsInput { phone_nonce: &[9; 32], ..input },
            WordsInput { clinic_nonce: &[9; 32], ..input },
            WordsInput { phone_nonce: &[6; 32], clinic_nonce: &[5; 32], ..input },
        ] {
            assert_ne!(Words::derive(&changed), words, "{changed:?}");
        }
        assert_eq!(words.to_string().split(' ').count(), WORDS_SHOWN);
    }

    #[test]
    fn the_words_are_those_of_the_digest() {
        // SHA-256 computed with other tools over the parts as documented.
        let token = Token::from_bytes([0; 16]);
        let words = Words::derive(&WordsInput {
            ca_sha256: &[0; 32],
            clinic_id: ClinicId::from_bytes([0; 16]),
            token: &token,
            csr: b"",
            phone_nonce: &[0; 32],
            clinic_nonce: &[0; 32],
        });
        assert_eq!(words.as_slice(), ["chimney", "pumpkin", "fridge", "banana"]);
    }
}
