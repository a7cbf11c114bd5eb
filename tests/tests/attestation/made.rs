//! Attestations of a maker that the tests are, judged as Google's are.

use safelight_core::device_key::{PublicKey, SoftwareKey};
use safelight_gateway::enrol::attestation::{Expected, Level, Roots, RootsError, Unproved, judge};
use safelight_tests::fuzzed::android::{
    ALL_APPLICATIONS, Certificate, Description, Maker, NOW, ORIGIN, PURPOSE, ROOT_OF_TRUST, SOFTWARE, STRONGBOX, TEE,
    authority, describes, extension, no_authority, number, numbers, root_of_trust, signs_certificates, signs_data,
};
use safelight_tests::fuzzed::clinic::Steady;

const CHALLENGE: [u8; 32] = [6; 32];

fn software_key(name: &'static str) -> SoftwareKey {
    SoftwareKey::generate(&mut Steady::new(name)).expect("a key")
}

/// The key that enrols.
fn key() -> PublicKey {
    software_key("the phone").verifying()
}

fn judged_by(roots: &Roots, chain: &[Vec<u8>]) -> Result<Level, Unproved> {
    judge(&chain.concat(), &Expected { challenge: &CHALLENGE, key: &key(), now: NOW }, roots)
}

fn judged(chain: &[Vec<u8>]) -> Result<Level, Unproved> {
    judged_by(&Maker::default().roots(), chain)
}

/// What comes of a description in a chain that is right.
fn described(description: &Description) -> Result<Level, Unproved> {
    judged(&Maker::default().chain(key(), &description.to_der()))
}

fn good() -> Description {
    Description::good(&CHALLENGE)
}

/// What comes of a right description in another certificate or under another one of the phone's hardware.
fn chained(
    leaf: impl FnOnce(&mut Certificate),
    hardware: impl FnOnce(&mut Certificate),
    batch: impl FnOnce(&mut Certificate),
) -> Result<Level, Unproved> {
    let maker = Maker::default();
    let mut certificates = [
        Certificate::leaf("hardware", key(), &good().to_der()),
        maker.hardware_certificate(),
        maker.batch_certificate(),
    ];
    leaf(&mut certificates[0]);
    hardware(&mut certificates[1]);
    batch(&mut certificates[2]);
    let signers = [&maker.hardware, &maker.batch, &maker.root];
    let chain: Vec<_> = certificates.iter().zip(signers).map(|(certificate, key)| certificate.signed_by(key)).collect();
    judged(&chain)
}

fn as_it_is(_: &mut Certificate) {}

#[test]
fn a_key_that_the_hardware_vouches_for_is_attested() {
    assert_eq!(described(&good()), Ok(Level::TrustedEnvironment));
    let strongbox = Description { attestation_level: STRONGBOX, keymint_level: STRONGBOX, ..good() };
    assert_eq!(described(&strongbox), Ok(Level::StrongBox));
    // The lower one, where they differ.
    assert_eq!(described(&Description { attestation_level: TEE, ..strongbox }), Ok(Level::TrustedEnvironment));
    // To verify needs the public half alone.
    assert_eq!(described(&good().with(PURPOSE, Some(numbers(&[2, 3])))), Ok(Level::TrustedEnvironment));
    let maker = Maker::default();
    let with_root = [maker.chain(key(), &good().to_der()), vec![maker.root_certificate()]].concat();
    assert_eq!(judged(&with_root), Ok(Level::TrustedEnvironment));
}

/// Phones send what stands above an intermediate as well, and would be taken for broken: one among the roots would shut out all below it.
#[test]
fn what_another_has_issued_is_no_root() {
    let maker = Maker::default();
    let batch = Maker::pem(&maker.batch_certificate().signed_by(&maker.root));
    let bundle = maker.root_pem() + &batch;
    assert_eq!(Roots::google().and(bundle.as_bytes()).err(), Some(RootsError::NotARoot(2)));
}

#[test]
fn x81_another_phone_s_attestation_proves_nothing_of_this_key() {
    let maker = Maker::default();
    let other = maker.chain(software_key("another phone").verifying(), &good().to_der());
    assert_eq!(judged(&other), Err(Unproved::OtherKey));
}

#[test]
fn x81_an_attestation_for_another_invitation_proves_nothing() {
    for challenge in [&[][..], &[7; 32], &[6; 31], &[6; 33]] {
        let description = Description { challenge: challenge.to_vec(), ..good() };
        assert_eq!(described(&description), Err(Unproved::OtherChallenge), "{challenge:?}");
    }
}

/// The attested key of a phone of the attacker's, which may sign, issues the certificate of a key in software.
fn issued_by_a_leaf(attested: impl FnOnce(&mut Certificate)) -> Result<Level, Unproved> {
    let (maker, theirs) = (Maker::default(), software_key("the attacker's phone"));
    let mut leaf = Certificate::leaf("hardware", theirs.verifying(), &good().to_der());
    attested(&mut leaf);
    let mut chain = vec![
        Certificate::leaf("Android Keystore Key", key(), &good().to_der()).signed_by(&theirs),
        leaf.signed_by(&maker.hardware),
    ];
    chain.push(maker.hardware_certificate().signed_by(&maker.batch));
    chain.push(maker.batch_certificate().signed_by(&maker.root));
    judged(&chain)
}

#[test]
fn x82_an_attested_key_cannot_attest_another_one() {
    assert_eq!(issued_by_a_leaf(as_it_is), Err(Unproved::ExtendedChain));
    // Even if it says that it may, and even if it is silent about itself.
    let calls_itself_ca = |leaf: &mut Certificate| {
        leaf.extensions = vec![authority(None), signs_certificates(), describes(&good().to_der())];
    };
    assert_eq!(issued_by_a_leaf(calls_itself_ca), Err(Unproved::ExtendedChain));
    assert_eq!(issued_by_a_leaf(|leaf| leaf.extensions = vec![signs_data()]), Err(Unproved::NotAnIssuer));
    assert_eq!(issued_by_a_leaf(|leaf| leaf.extensions = vec![]), Err(Unproved::NotAnIssuer));
}

#[test]
fn x82_what_issues_is_a_ca_that_may_sign_certificates_and_is_not_too_deep() {
    let with = |extensions: Vec<Vec<u8>>| chained(as_it_is, |hardware| hardware.extensions = extensions, as_it_is);
    assert_eq!(with(vec![authority(Some(0)), signs_certificates()]), Ok(Level::TrustedEnvironment));
    assert_eq!(with(vec![]), Err(Unproved::NotAnIssuer));
    assert_eq!(with(vec![authority(None)]), Err(Unproved::NotAnIssuer));
    assert_eq!(with(vec![authority(None), signs_data()]), Err(Unproved::NotAnIssuer));
    // So it stands in what some phones of 2016 to 2021 were given at the factory.
    assert_eq!(with(vec![no_authority(), signs_data()]), Err(Unproved::NotAnIssuer));
    let batch = |batch: &mut Certificate| batch.extensions = vec![authority(Some(0)), signs_certificates()];
    assert_eq!(chained(as_it_is, as_it_is, batch), Err(Unproved::NotAnIssuer));
    let batch = |batch: &mut Certificate| batch.extensions = vec![authority(Some(1)), signs_certificates()];
    assert_eq!(chained(as_it_is, as_it_is, batch), Ok(Level::TrustedEnvironment));
}

#[test]
fn x83_a_key_that_software_keeps_is_not_attested() {
    for (attestation_level, keymint_level) in [(SOFTWARE, SOFTWARE), (SOFTWARE, TEE), (TEE, SOFTWARE)] {
        let description = Description { attestation_level, keymint_level, ..good() };
        assert_eq!(described(&description), Err(Unproved::SoftwareLevel));
    }
    assert_eq!(described(&Description { keymint_level: 3, ..good() }), Err(Unproved::Malformed));
}

#[test]
fn x83_a_phone_that_runs_what_its_owner_likes_is_not_attested() {
    let with = |root| described(&good().with(ROOT_OF_TRUST, root));
    assert_eq!(with(Some(root_of_trust(false, 0))), Err(Unproved::Unlocked));
    // Unlocked, and a bootloader that says unverified; self-signed, as GrapheneOS is; failed; and what there is not.
    assert_eq!(with(Some(root_of_trust(false, 2))), Err(Unproved::Unlocked));
    for state in [1, 2, 3, 4] {
        assert_eq!(with(Some(root_of_trust(true, state))), Err(Unproved::NotVerified), "{state}");
    }
    assert_eq!(with(None), Err(Unproved::NotVerified));
}

#[test]
fn x83_a_key_from_elsewhere_or_for_other_things_is_not_attested() {
    for origin in [Some(number(1)), Some(number(2)), Some(number(4)), None] {
        assert_eq!(described(&good().with(ORIGIN, origin)), Err(Unproved::NotGenerated));
    }
    for purposes in [&[][..], &[3], &[2, 7], &[2, 1], &[2, 0, 3]] {
        assert_eq!(described(&good().with(PURPOSE, Some(numbers(purposes)))), Err(Unproved::Purpose), "{purposes:?}");
    }
    assert_eq!(described(&good().with(PURPOSE, None)), Err(Unproved::Purpose));
    let null = vec![5, 0];
    assert_eq!(described(&good().with(ALL_APPLICATIONS, Some(null.clone()))), Err(Unproved::AllApplications));
    let mut by_software = good();
    by_software.software.insert(0, (ALL_APPLICATIONS, null));
    assert_eq!(described(&by_software), Err(Unproved::AllApplications));
}

#[test]
fn x83_what_software_says_of_a_key_counts_for_nothing() {
    for (tag, reason) in
        [(PURPOSE, Unproved::Purpose), (ORIGIN, Unproved::NotGenerated), (ROOT_OF_TRUST, Unproved::NotVerified)]
    {
        let mut description = good();
        let at = description.hardware.iter().position(|(other, _)| *other == tag).expect("an entry");
        let entry = description.hardware.remove(at);
        description.software = vec![entry];
        assert_eq!(described(&description), Err(reason), "{tag}");
    }
}

#[test]
fn x84_another_root_of_the_same_name_is_not_the_root() {
    let real = Maker::default();
    let theirs = Maker { root: software_key("the attacker's root"), ..Maker::default() };
    let chain = theirs.chain(key(), &good().to_der());
    assert_eq!(judged_by(&real.roots(), &chain), Err(Unproved::UnknownRoot));
    let with_root = [chain, vec![theirs.root_certificate()]].concat();
    assert_eq!(judged_by(&real.roots(), &with_root), Err(Unproved::UnknownRoot));
    // Nor is one of the right key whose certificate says another name.
    let renamed =
        Certificate { subject: "other".into(), issuer: "other".into(), ..Certificate::authority("", "", &real.root) };
    let batch = Certificate { issuer: "other".into(), ..real.batch_certificate() };
    let chain =
        [&real.chain(key(), &good().to_der())[..2], &[batch.signed_by(&real.root), renamed.signed_by(&real.root)]]
            .concat();
    assert_eq!(judged_by(&real.roots(), &chain), Err(Unproved::UnknownRoot));
    // And by Google's alone this maker is nobody.
    assert_eq!(judged_by(&Roots::google(), &real.chain(key(), &good().to_der())), Err(Unproved::UnknownRoot));
}

#[test]
fn x84_a_chain_holds_by_names_signatures_and_known_conditions() {
    assert_eq!(chained(|leaf| leaf.issuer = "other".into(), as_it_is, as_it_is), Err(Unproved::BrokenChain));
    let other = software_key("somebody").verifying();
    assert_eq!(chained(as_it_is, |hardware| hardware.key = other, as_it_is), Err(Unproved::BrokenChain));
    // ecdsa-with-SHA1.
    let sha1 = |leaf: &mut Certificate| leaf.algorithm = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
    assert_eq!(chained(sha1, as_it_is, as_it_is), Err(Unproved::UnknownAlgorithm));
    // Name constraints (2.5.29.30), which nobody here would keep.
    let constrained = |batch: &mut Certificate| batch.extensions.push(extension(&[0x55, 0x1d, 0x1e], true, &[0x30, 0]));
    assert_eq!(chained(as_it_is, as_it_is, constrained), Err(Unproved::UnknownExtension));
    let twice = |leaf: &mut Certificate| leaf.extensions.push(describes(&good().to_der()));
    assert_eq!(chained(twice, as_it_is, as_it_is), Err(Unproved::Malformed));
    assert_eq!(chained(|leaf| leaf.extensions = vec![], as_it_is, as_it_is), Err(Unproved::NoDescription));
    let garbage = |leaf: &mut Certificate| leaf.extensions = vec![describes(&[0x30, 0])];
    assert_eq!(chained(garbage, as_it_is, as_it_is), Err(Unproved::Malformed));
}

#[test]
fn x84_issuers_are_in_their_time_and_those_of_the_factory_have_no_end() {
    const ENDED: [&str; 2] = ["160526000000Z", "260524000000Z"];
    const TO_COME: [&str; 2] = ["270526000000Z", "370524000000Z"];
    assert_eq!(chained(as_it_is, |hardware| hardware.validity = ENDED, as_it_is), Err(Unproved::OutOfTime));
    assert_eq!(chained(as_it_is, as_it_is, |batch| batch.validity = ENDED), Err(Unproved::OutOfTime));
    assert_eq!(chained(as_it_is, |hardware| hardware.validity = TO_COME, as_it_is), Err(Unproved::OutOfTime));
    // The leaf's time is the phone's word.
    assert_eq!(chained(|leaf| leaf.validity = ENDED, as_it_is, as_it_is), Ok(Level::TrustedEnvironment));
    let of_the_factory = |validity: [&'static str; 2]| {
        chained(
            as_it_is,
            |hardware| {
                hardware.issuer = "factory".into();
                hardware.validity = validity;
            },
            |batch| {
                batch.subject = "factory".into();
                batch.validity = ENDED;
            },
        )
    };
    assert_eq!(of_the_factory(ENDED), Ok(Level::TrustedEnvironment));
    assert_eq!(of_the_factory(TO_COME), Err(Unproved::OutOfTime));
    // Which chain is the factory's says what a root has signed, and not what the phone's hardware is called.
    let called_so = |hardware: &mut Certificate| {
        hardware.subject = "factory".into();
        hardware.validity = ENDED;
    };
    assert_eq!(chained(|leaf| leaf.issuer = "factory".into(), called_so, as_it_is), Err(Unproved::OutOfTime));
}
