//! What masters write into ZooKeeper: ephemeral nodes with a sequence number; the smallest one leads.

use crate::driver::address::split_authority;
use crate::proto::MasterInfo;
use prost::Message;
use std::net::Ipv4Addr;

/// How a master's node is labelled, by the version of Mesos that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    /// `json.info_N`: JSON of MasterInfo, since 0.24.
    Json,
    /// `info_N`: an encoded MasterInfo.
    Protobuf,
    /// `N`: a pid, `master@10.0.0.1:5050`.
    Pid,
}

fn label(node: &str) -> Option<(Label, i32)> {
    let (label, number) = match node.rsplit_once('_') {
        // Only what stands before the first underscore counts.
        Some((rest, number)) => (rest.split('_').next(), number),
        None => (None, node),
    };
    let number = number.parse().ok()?;
    match label {
        Some("json.info") => Some((Label::Json, number)),
        Some("info") => Some((Label::Protobuf, number)),
        None => Some((Label::Pid, number)),
        Some(_) => None,
    }
}

/// The leader among the children of the masters' node. Other nodes, like `log_replicas`, do not count.
pub fn leader(children: &[String]) -> Option<&String> {
    let numbered = children.iter().filter_map(|node| Some((label(node)?.1, node)));
    numbered.min_by_key(|(number, _)| *number).map(|(_, node)| node)
}

/// The host and port in a node's content. `named`: rather the host's name than its address, for TLS.
/// The error says what is wrong.
pub fn address(node: &str, content: &[u8], named: bool) -> Result<(String, u16), String> {
    let wrong = |why: &str| format!("the node {node} holds no master: {why}");
    let found = match label(node) {
        Some((Label::Json, _)) => {
            let json = serde_json::from_slice(content).map_err(|_| wrong("not JSON"))?;
            from_json(&json, named)
        }
        Some((Label::Protobuf, _)) => {
            let info = MasterInfo::decode(content).map_err(|_| wrong("not an encoded MasterInfo"))?;
            from_message(&info, named)
        }
        Some((Label::Pid, _)) => std::str::from_utf8(content).ok().and_then(from_pid),
        None => None,
    };
    found.ok_or_else(|| wrong("no address"))
}

fn from_pid(pid: &str) -> Option<(String, u16)> {
    split_authority(pid.trim().split_once('@')?.1)
}

/// A host and a port that came apart.
fn joined(host: &str, port: u64) -> Option<(String, u16)> {
    let authority = crate::driver::address::authority(host, u16::try_from(port).ok()?);
    split_authority(&authority)
}

fn from_json(json: &serde_json::Value, named: bool) -> Option<(String, u16)> {
    let address = json.get("address");
    let text = |value: Option<&serde_json::Value>, key: &str| {
        let text = value.and_then(|v| v.get(key)).and_then(|v| v.as_str());
        text.filter(|t| !t.is_empty()).map(str::to_string)
    };
    let pid = || text(Some(json), "pid").as_deref().and_then(from_pid);
    let port = address.and_then(|a| a.get("port")).and_then(|p| p.as_u64());
    let port = port.or_else(|| json.get("port").and_then(|p| p.as_u64()));
    let name = || text(address, "hostname").or_else(|| text(Some(json), "hostname"));
    let name = name().filter(|_| named).and_then(|name| joined(&name, port?));
    let ip = || text(address, "ip").and_then(|ip| joined(&ip, port?));
    name.or_else(ip).or_else(pid)
}

fn from_message(info: &MasterInfo, named: bool) -> Option<(String, u16)> {
    let address = info.address.as_ref();
    let port = address.map_or(info.port, |a| a.port as u32);
    let name = address.and_then(|a| a.hostname.clone()).or_else(|| info.hostname.clone());
    let name = name.filter(|n| named && !n.is_empty());
    let ip = || address.and_then(|a| a.ip.clone()).filter(|ip| !ip.is_empty());
    let pid = || info.pid.as_deref().and_then(from_pid);
    // The oldest way: network byte order in a number of the master's machine, in effect little endian.
    let number = || joined(&Ipv4Addr::from(info.ip.to_le_bytes()).to_string(), u64::from(info.port));
    name.and_then(|name| joined(&name, u64::from(port)))
        .or_else(|| ip().and_then(|ip| joined(&ip, u64::from(port))))
        .or_else(pid)
        .or_else(|| number().filter(|_| info.ip != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Address;

    #[test]
    fn the_smallest_number_leads_whatever_its_label() {
        let leads = |children: &[&str]| {
            let children: Vec<String> = children.iter().map(|c| c.to_string()).collect();
            leader(&children).cloned()
        };
        let all = [
            "log_replicas",
            "json.info_0000000012",
            "info_0000000007",
            "json.info_0000000009",
        ];
        assert_eq!(leads(&all).as_deref(), Some("info_0000000007"));
        assert_eq!(
            leads(&["0000000003", "json.info_0000000002"]).as_deref(),
            Some("json.info_0000000002")
        );
        assert_eq!(leads(&["0000000003"]).as_deref(), Some("0000000003"));
        assert_eq!(
            leads(&["log_replicas", "other_0000000001", "json.info", "json.info_", "x"]),
            None
        );
    }

    #[test]
    fn every_kind_of_content() {
        let json = |text: &str, named| address("json.info_0000000001", text.as_bytes(), named);
        let of = |host: &str, port| Ok((host.to_string(), port));
        let real = r#"{"address":{"hostname":"m1.example","ip":"10.0.0.1","port":5050},"hostname":"other","id":"x",
            "ip":16777343,"pid":"master@10.0.0.9:5051","port":5050,"version":"1.11.0"}"#;
        assert_eq!(json(real, false), of("10.0.0.1", 5050));
        assert_eq!(json(real, true), of("m1.example", 5050));
        assert_eq!(json(r#"{"ip":1,"port":1,"pid":"master@[::1]:5051"}"#, false), of("::1", 5051));
        assert_eq!(
            json(r#"{"hostname":"m","port":7,"pid":"master@10.0.0.9:5051"}"#, true),
            of("m", 7)
        );
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"address":{"ip":"a b","port":1}}"#,
            r#"{"address":{"ip":"a","port":70000}}"#,
        ] {
            assert!(json(bad, false).is_err(), "{bad}");
        }
        let info = |info: &MasterInfo, named| address("info_0000000001", &info.encode_to_vec(), named);
        let mut master = MasterInfo {
            ip: u32::from_le_bytes([127, 0, 0, 1]),
            port: 5050,
            ..Default::default()
        };
        assert_eq!(info(&master, false), of("127.0.0.1", 5050));
        master.pid = Some("master@10.0.0.2:5051".to_string());
        assert_eq!(info(&master, true), of("10.0.0.2", 5051));
        master.address = Some(Address {
            ip: Some("10.0.0.3".to_string()),
            hostname: Some("m3".to_string()),
            port: 5052,
        });
        assert_eq!(
            (info(&master, false), info(&master, true)),
            (of("10.0.0.3", 5052), of("m3", 5052))
        );
        assert!(info(&MasterInfo::default(), false).is_err());
        assert!(address("info_0000000001", b"\xff", false).is_err());
        assert_eq!(address("0000000001", b"master@10.0.0.1:5050", false), of("10.0.0.1", 5050));
        assert!(address("0000000001", b"\xff@1:1", false).is_err());
    }
}
