use super::*;

fn authority(params: rcgen::CertificateParams) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().pem()
}

#[test]
fn certificates_that_are_none_are_refused_with_a_reason() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (pem, part) in [
        ("", "BEGIN CERTIFICATE"),
        ("hello", "BEGIN CERTIFICATE"),
        (broken, "cannot be read"),
    ] {
        let tls = Tls::Ca {
            ca_pem: pem.to_owned(),
            verify_hostname: true,
        };
        match client_config(&tls) {
            Err(Error::Settings { what }) => assert!(what.contains(part), "{what}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn several_authorities_in_one_text_are_all_taken() {
    let one = || authority(rcgen::CertificateParams::new(Vec::new()).unwrap());
    let roots = given_roots(&format!("{}{}", one(), one())).unwrap();
    assert_eq!(roots.len(), 2);
}
