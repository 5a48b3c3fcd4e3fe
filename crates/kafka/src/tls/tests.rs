use super::*;
use model::Secret;

fn cluster(tls: Tls, client_certificate: Option<ClientCertificate>) -> ClusterSpec {
    ClusterSpec {
        name: "east".parse().unwrap(),
        title: String::new(),
        bootstrap: Vec::new(),
        tls,
        client_certificate,
        sasl: None,
    }
}

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
        match client_config(&cluster(tls, None)) {
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

fn identified(certificate: &str, key: Option<&str>) -> Result<(), Error> {
    let system = Tls::Ca {
        ca_pem: authority(rcgen::CertificateParams::new(Vec::new()).unwrap()),
        verify_hostname: true,
    };
    let shown = ClientCertificate {
        certificate_pem: certificate.to_owned(),
        key_pem: key.map(Secret::new),
    };
    client_config(&cluster(system, Some(shown))).map(drop)
}

#[test]
fn a_client_certificate_needs_its_own_key_in_plain() {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let key_pem = key.serialize_pem();
    assert_eq!(identified(&certificate, Some(&key_pem)), Ok(()));
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let encrypted = key_pem.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let cases = [
        (
            certificate.as_str(),
            Some(other.as_str()),
            "belongs to another",
        ),
        (&certificate, Some(&encrypted), "encrypted"),
        (&certificate, Some("hello"), "not PEM"),
        (&certificate, None, "is missing"),
        ("hello", Some(&key_pem), "no `BEGIN CERTIFICATE`"),
    ];
    for (certificate, key, told) in cases {
        match identified(certificate, key) {
            Err(Error::Settings { what }) => assert!(what.contains(told), "{what}"),
            other => panic!("{other:?}"),
        }
    }
}
