//! Masters with fixed addresses, tried in turn: whichever answers leads or redirects to the leader.

use crate::native::protocol::endpoint::Endpoint;

/// A list of servers and the next one to try.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standalone {
    endpoints: Vec<Endpoint>,
    next: usize,
}

impl Standalone {
    pub fn first(&self) -> Option<&Endpoint> {
        self.endpoints.first()
    }

    /// The next one in turn; `None` when there are none.
    pub fn next_server(&mut self) -> Option<Endpoint> {
        let endpoint = self.endpoints.get(self.next).cloned();
        self.next = (self.next + 1) % self.endpoints.len().max(1);
        endpoint
    }
}

impl From<Endpoint> for Standalone {
    fn from(endpoint: Endpoint) -> Self {
        vec![endpoint].into()
    }
}

impl From<Vec<Endpoint>> for Standalone {
    fn from(endpoints: Vec<Endpoint>) -> Self {
        Standalone { endpoints, next: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_turn() {
        assert_eq!(Standalone::default().next_server(), None);
        let mut all: Standalone = ["a", "b"].map(|host| Endpoint::master(host, 1)).to_vec().into();
        let hosts: Vec<String> = (0..5).filter_map(|_| all.next_server()).map(|e| e.host).collect();
        assert_eq!(hosts, ["a", "b", "a", "b", "a"]);
    }
}
