use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::config::fixture::profile;

fn listed(rules: &[&str]) -> TargetPolicy {
    TargetPolicy::of_daemon(Some(rules.iter().map(|rule| rule.parse().unwrap()).collect()))
}

fn unlisted() -> TargetPolicy {
    TargetPolicy::of_daemon(None)
}

fn address(typed: &str) -> IpAddr {
    typed.parse().unwrap()
}

/// Cloud metadata in every form that an address has.
const RESERVED: [&str; 14] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fe80::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "::ffff:6464:64c8",
];

/// Entries that cover a lot, and sometimes something that is reserved.
fn entries() -> impl Strategy<Value = Vec<&'static str>> {
    let all = [
        "*",
        "*:80",
        "0.0.0.0/0",
        "::/0",
        "a.example.com",
        "*.com",
        "169.0.0.0/8",
        "127.0.0.0/8",
        "fe80::/9",
        "fd00::/8",
    ];
    prop::sample::subsequence(all.to_vec(), 0..=all.len())
}

fn addresses() -> impl Strategy<Value = IpAddr> {
    let v4 = any::<u32>().prop_map(Ipv4Addr::from);
    let reserved = prop::sample::select(RESERVED.to_vec()).prop_map(address);
    prop_oneof![v4.prop_map(IpAddr::V4), any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).into()), reserved]
}

proptest! {
    #[test]
    fn what_is_allowed_does_not_depend_on_how_an_ipv4_address_is_written(bits in any::<u32>(), rules in entries()) {
        let plain = Ipv4Addr::from(bits);
        let [high, low] = [(bits >> 16) as u16, bits as u16];
        let policy = listed(&rules);
        let allowed = |at: IpAddr| policy.permits("a.example.com", at, 80).is_ok();
        let forms = [
            plain.to_ipv6_mapped(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        ];
        for form in forms {
            prop_assert_eq!(allowed(form.into()), allowed(plain.into()), "{} as {}", plain, form);
        }
    }

    #[test]
    fn no_entry_wider_than_what_is_reserved_allows_it(at in addresses(), rules in entries(), port in 1u16..) {
        let policy = listed(&rules);
        let reserved = unlisted().permits_address(at, port).is_err();
        for host in ["a.example.com", "b.org"] {
            let allowed = policy.permits(host, at, port).is_ok();
            prop_assert!(!(allowed && reserved), "{} {}", host, at);
            // A list is a restriction, and each question before the look-up is the wider one.
            prop_assert!(!allowed || policy.may_permit(host, port).is_ok());
            prop_assert!(allowed || policy.permits_address(at, port).is_err());
        }
    }

    #[test]
    fn more_entries_allow_more(at in addresses(), rules in entries(), port in 1u16..) {
        for kept in 0..rules.len() {
            let fewer = listed(&rules[..kept]).permits("a.example.com", at, port).is_ok();
            prop_assert!(!fewer || listed(&rules).permits("a.example.com", at, port).is_ok());
        }
    }

    #[test]
    fn any_text_is_an_entry_that_reads_back_or_an_error(typed in "[a-z0-9.*:\\[\\]/-]{0,24}|\\PC{0,12}") {
        if let Ok(rule) = typed.parse::<TargetRule>() {
            prop_assert_eq!(rule.to_string().parse::<TargetRule>(), Ok(rule));
        }
    }
}

#[test]
fn an_entry_is_shown_as_it_was_typed() {
    for typed in [
        "api.example.com",
        "api.example.com:443",
        "*.example.com:8000-8100",
        "10.0.0.1",
        "10.0.0.0/8",
        "10.0.0.0/8:443",
        "::1",
        "[::1]:80",
        "fd00::/8",
        "[fd00::/8]:1-1024",
        "*",
        "*:443",
        "db_1",
    ] {
        assert_eq!(typed.parse::<TargetRule>().unwrap().to_string(), typed);
    }
    assert_eq!("Bücher.Example.:80".parse::<TargetRule>().unwrap().to_string(), "xn--bcher-kva.example:80");
}

#[test]
fn what_is_no_entry_says_what_is_wrong_with_it() {
    for (typed, why) in [
        ("", "is no host"),
        ("a b", "is no host"),
        ("http://a", "is no host"),
        ("a*", "is no host"),
        ("*.*.b", "is no host"),
        ("*.", "is no host"),
        ("-a", "is no host"),
        ("0x7f.1", "is no host"),
        ("127.1", "is no host"),
        ("[a]:80", "is no host"),
        ("[::1]80", "is no host"),
        ("a:0", "is no port"),
        ("a:70000", "is no port"),
        ("a:90-80", "is no port"),
        ("a:", "is no port"),
        ("10.0.0.1/8", "write `10.0.0.0/8`"),
        ("fe80:::80", "brackets"),
        ("10.0.0.0/33", "is no host"),
    ] {
        let error = typed.parse::<TargetRule>().unwrap_err().to_string();
        assert!(error.contains(why), "{typed}: {error}");
    }
}

#[test]
fn what_is_not_listed_is_denied() {
    let policy = listed(&["api.example.com:443", "*.example.org", "10.0.0.0/8:8000-8100", "[2001:db8::/32]:80"]);
    for (host, at, port, allowed) in [
        ("api.example.com", "203.0.113.1", 443, true),
        ("API.example.com.", "203.0.113.1", 443, true),
        ("api.example.com", "203.0.113.1", 80, false),
        ("example.com", "203.0.113.1", 443, false),
        ("a.api.example.com", "203.0.113.1", 443, false),
        ("notapi.example.com", "203.0.113.1", 443, false),
        ("a.b.example.org", "203.0.113.1", 1, true),
        ("example.org", "203.0.113.1", 1, false),
        ("notexample.org", "203.0.113.1", 1, false),
        ("any", "10.1.2.3", 8000, true),
        ("10.1.2.3", "10.1.2.3", 8100, true),
        ("any", "10.1.2.3", 8101, false),
        ("any", "11.1.2.3", 8000, false),
        ("any", "::ffff:10.1.2.3", 8000, true),
        ("any", "::ffff:11.1.2.3", 8000, false),
        ("any", "2001:db8::1", 80, true),
        ("any", "2001:db9::1", 80, false),
    ] {
        assert_eq!(policy.permits(host, address(at), port).is_ok(), allowed, "{host} {at} {port}");
    }
    assert!(listed(&[]).permits("10.0.0.1", address("10.0.0.1"), 80).is_err());
    assert!(listed(&["*:80"]).permits("a", address("10.0.0.1"), 80).is_ok());
    assert!(listed(&["*:80"]).permits("a", address("10.0.0.1"), 81).is_err());
}

#[test]
fn metadata_is_denied_under_every_name_and_in_every_form_unless_its_address_is_listed() {
    let wide = listed(&["*", "0.0.0.0/0", "::/0", "metadata.example.com", "169.0.0.0/8"]);
    for policy in [&unlisted(), &wide] {
        for at in RESERVED {
            for host in ["metadata.example.com", at] {
                let denied = policy.permits(host, address(at), 80).unwrap_err();
                assert!(matches!(denied, Denied::Reserved { .. }), "{host} {at}: {denied}");
                assert!(policy.permits_address(address(at), 80).is_err(), "{at}");
            }
            assert!(policy.permits_unresolved(at, 80).is_err() && policy.may_permit(at, 80).is_err(), "{at}");
        }
        assert!(policy.permits_unresolved("Metadata.Google.Internal.", 80).is_err());
        assert!(policy.permits("a", address("93.184.216.34"), 80).is_ok());
    }
    for (rule, at) in [
        ("169.254.169.254:80", "169.254.169.254"),
        ("169.254.169.254", "::ffff:169.254.169.254"),
        ("169.254.0.0/16", "169.254.170.2"),
        ("fd00:ec2::254", "fd00:ec2::254"),
        ("100.100.100.200", "100.100.100.200"),
    ] {
        assert!(listed(&[rule]).permits("any", address(at), 80).is_ok(), "{rule} {at}");
    }
    assert!(listed(&["169.254.169.254:80"]).permits("any", address("169.254.169.254"), 81).is_err());
    assert!(listed(&["169.254.169.253"]).permits("any", address("169.254.169.254"), 80).is_err());
}

#[test]
fn a_listed_name_does_not_lead_to_this_machine() {
    let names = listed(&["api.example.com", "*.example.com", "localhost"]);
    for at in ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"] {
        for host in ["api.example.com", "x.example.com"] {
            let denied = names.permits(host, address(at), 80).unwrap_err();
            assert!(matches!(denied, Denied::ThisMachine(_)), "{host} {at}: {denied}");
        }
        assert!(names.permits("localhost", address(at), 80).is_ok(), "{at}");
    }
    let both = listed(&["api.example.com", "127.0.0.0/8"]);
    assert!(both.permits("api.example.com", address("127.0.0.1"), 80).is_ok());
    assert!(both.permits("api.example.com", address("::1"), 80).is_err());
}

#[test]
fn a_listed_name_says_nothing_about_addresses_that_the_profile_chose() {
    let policy = listed(&["api.example.com", "10.0.0.0/8"]);
    assert!(policy.permits("api.example.com", address("192.0.2.1"), 80).is_ok());
    assert!(policy.permits_address(address("192.0.2.1"), 80).is_err());
    assert!(policy.permits_address(address("10.0.0.1"), 80).is_ok());
}

#[test]
fn a_proxy_is_asked_only_for_listed_names_and_names_are_looked_up_only_if_they_may_be_allowed() {
    let names = listed(&["api.example.com:443"]);
    let networks = listed(&["10.0.0.0/8:443"]);
    assert!(names.permits_unresolved("api.example.com", 443).is_ok());
    assert!(names.permits_unresolved("api.example.com", 80).is_err());
    assert!(names.may_permit("other.example.com", 443).is_err());
    assert!(networks.permits_unresolved("api.example.com", 443).is_err(), "where it leads, the proxy decides");
    assert!(networks.permits_unresolved("10.0.0.1", 443).is_ok());
    assert!(networks.may_permit("api.example.com", 443).is_ok());
    assert!(networks.may_permit("api.example.com", 80).is_err());
}

#[test]
fn without_a_list_only_the_operators_own_profiles_go_anywhere() {
    let denied = |policy: &TargetPolicy| policy.permits("a", address("93.184.216.34"), 80).err();
    assert_eq!(denied(&unlisted().of(Author::Operator)), None);
    assert!(matches!(denied(&unlisted().of(Author::Request)), Some(Denied::NoTargets(_))));
    assert!(unlisted().of(Author::Request).may_permit("localhost", 80).is_err());
    let list = listed(&["a:80"]);
    assert_eq!(list.of(Author::Request), list);
    assert!(TargetPolicy::default().permits("a", address("169.254.169.254"), 80).is_ok());
}

#[test]
fn variables_of_a_request_make_a_profile_the_requests_only_if_it_goes_elsewhere() {
    let to = |host: &str| profile(&format!("duration: 1s\nflow: [{{ http: 'http://{host}/' }}]"));
    assert_eq!(Author::of_filled(&to("a"), Some(&to("a"))), Author::Operator);
    assert_eq!(Author::of_filled(&to("a"), Some(&to("b"))), Author::Request);
    assert_eq!(Author::of_filled(&to("a"), None), Author::Request);
    let policy = Policy { targets: unlisted(), ..Policy::default() };
    assert_eq!(policy.apply(&mut to("a"), Author::Operator), Ok(()));
    assert!(matches!(policy.apply(&mut to("a"), Author::Request), Err(Denied::NoTargets(_))));
}

#[test]
fn what_a_profile_names_is_checked_before_it_starts() {
    let policy = Policy { targets: listed(&["a.example.com:80", "10.0.0.0/8"]), ..Policy::default() };
    let checked = |text: &str| {
        let mut profile = profile(text);
        policy.apply(&mut profile, Author::Request).map_err(|denied| {
            assert_eq!(profile.network.targets, policy.targets);
            denied.to_string()
        })
    };
    let flow = |url: &str| format!("duration: 1s\nflow: [{{ http: {{ url: '{url}' }} }}]\n");
    assert_eq!(checked(&flow("http://a.example.com/")), Ok(()));
    for (text, named) in [
        (flow("http://93.184.216.34/"), "93.184.216.34:80"),
        (flow("http://0x5db8d822/"), "93.184.216.34:80"),
        (flow("http://[::ffff:a9fe:a9fe]/"), "metadata"),
        ("duration: 1s\nflow: [{ websocket: { url: 'ws://a.example.com/', steps: [{ repeat: { times: 2, steps: [{ http: { url: 'http://1.2.3.4/' } }] } }] } }]".into(), "1.2.3.4:80"),
        ("duration: 1s\nflow: [{ repeat: { times: 2, steps: [{ websocket: { url: 'ws://1.2.3.4/' } }] } }]".into(), "1.2.3.4:80"),
        (flow("http://a.example.com/") + "observe: { t: 'http://1.2.3.4/metrics' }\n", "1.2.3.4:80"),
        (flow("http://a.example.com/") + "hosts: { a.example.com: 1.2.3.4 }\n", "1.2.3.4:80"),
        (flow("http://a.example.com/") + "network: { dns: { servers: [1.2.3.4] } }\n", "1.2.3.4:53"),
        (flow("http://a.example.com/") + "network: { proxy: 'http://1.2.3.4:3128' }\n", "1.2.3.4:3128"),
        (flow("http://b.example.com/") + "network: { proxy: 'http://10.2.3.4:3128' }\n", "b.example.com:80"),
    ] {
        let denied = checked(&text).unwrap_err();
        assert!(denied.contains(named), "{text}: {denied}");
    }
}

#[test]
fn caps_hold_for_all_scenarios_together() {
    let profile = profile(
        "scenarios:
  a: { executor: constant-vus, vus: 3, duration: 10s, gracefulStop: 5s }
  b: { executor: ramping-arrival-rate, startTime: 10s, timeUnit: 1m, preAllocatedVUs: 1, maxVUs: 4, gracefulStop: 0s,
       stages: [{ duration: 20s, target: 600 }, { duration: 5s, target: 0 }] }
  c: { executor: constant-arrival-rate, rate: 2, duration: 1s, preAllocatedVUs: 2, gracefulStop: 0s }
flow: [{ sleep: 1s }]",
    );
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let exact = Policy { max_vus: Some(9), max_rate: Some(12.0), max_duration: seconds(35), ..Policy::default() };
    assert_eq!(exact.check(&profile), Ok(()));
    let lower = Policy { max_vus: Some(8), ..exact.clone() };
    assert_eq!(lower.check(&profile), Err(Denied::Vus { asked: 9, most: 8 }));
    let slower = Policy { max_rate: Some(11.9), ..exact.clone() };
    assert_eq!(slower.check(&profile), Err(Denied::Rate { asked: 12.0, most: 11.9 }));
    let shorter = Policy { max_duration: seconds(34), ..exact.clone() };
    let denied = Denied::Duration { asked: Duration::from_secs(35), most: Duration::from_secs(34) };
    assert_eq!(denied.to_string(), "the plan takes up to 35s, more than the operator's `maxDuration`, 34s");
    assert_eq!(shorter.check(&profile), Err(denied));
    assert_eq!(Policy::default().check(&profile), Ok(()));
    assert!(exact.permits_vus(9).is_ok() && exact.permits_vus(10).is_err());
    assert!(exact.permits_rate(12.0).is_ok() && exact.permits_rate(12.1).is_err());
    assert!(exact.permits_rate(f64::NAN).is_err() && exact.permits_rate(f64::INFINITY).is_err());
}

#[test]
fn a_longest_time_needs_an_end() {
    let endless = profile(
        "scenarios: { e: { executor: externally-controlled, vus: 1, maxVUs: 2, duration: 0 } }\nflow: [{ sleep: 1s }]",
    );
    let policy = Policy { max_duration: Some(Duration::from_secs(60)), ..Policy::default() };
    assert!(matches!(policy.check(&endless), Err(Denied::Endless { scenario, .. }) if scenario == "e"));
    assert_eq!(
        Policy { max_vus: Some(1), ..Policy::default() }.check(&endless),
        Err(Denied::Vus { asked: 2, most: 1 })
    );
}

#[test]
fn the_embedded_target_is_allowed_beside_what_is_listed_and_nothing_else_is() {
    let echo = "127.0.0.1:4000".parse().unwrap();
    let local = IpAddr::from([127, 0, 0, 1]);
    for (author, allowed) in [
        (Author::Operator, Some(vec!["*.example.com:443".parse().unwrap()])),
        (Author::Request, Some(Vec::new())),
        (Author::Request, None),
    ] {
        let targets = TargetPolicy::of_daemon(allowed).of(author);
        assert!(targets.permits("127.0.0.1", local, 4000).is_err());
        let targets = targets.with_address(echo);
        assert_eq!(targets.permits("127.0.0.1", local, 4000), Ok(()));
        assert!(targets.permits("127.0.0.1", local, 4001).is_err());
    }
}
