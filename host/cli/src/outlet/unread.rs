//! How much a Unix socket holds that its peer has not read: what `ioctl(SIOCOUTQ)` says, asked of the kernel over netlink (`unix_diag`),
//! which needs no unsafe code.

use std::os::fd::{AsFd, OwnedFd};

use rustix::{
    fs::fstat,
    io::{self, Errno},
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, sendto, socket_with},
};

/// From `linux/netlink.h`, `linux/sock_diag.h` and `linux/unix_diag.h`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const UDIAG_SHOW_RQLEN: u32 = 0x10;
const UNIX_DIAG_RQLEN: u16 = 4;

const HEADER_BYTES: usize = 16;
const REQUEST_BYTES: usize = HEADER_BYTES + 24;
const ANSWER_BYTES: usize = 16;

/// A question about one socket, and a way to ask it.
pub(super) struct Unread {
    netlink: OwnedFd,
    question: Vec<u8>,
}

impl Unread {
    /// About this socket. Fails where the kernel does not answer about it: in a sandbox without netlink.
    pub(super) fn of(socket: impl AsFd) -> io::Result<Self> {
        let inode = u32::try_from(fstat(socket)?.st_ino).map_err(|_| Errno::OVERFLOW)?;
        let (flags, protocol) = (SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG));
        let netlink = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
        let unread = Self { netlink, question: question(inode) };
        unread.bytes()?;
        Ok(unread)
    }

    /// At most so many bytes are not read: the kernel counts the memory that they are in.
    pub(super) fn bytes(&self) -> io::Result<u64> {
        let to_kernel = netlink::SocketAddrNetlink::new(0, 0);
        sendto(&self.netlink, &self.question, SendFlags::empty(), &to_kernel)?;
        let mut answer = [0; 512];
        // The kernel has answered by now.
        let (_, length) = recv(&self.netlink, &mut answer, RecvFlags::DONTWAIT)?;
        let answer = answer.get(..length).ok_or(Errno::BADMSG)?;
        if number(answer, 4)?.to_ne_bytes().first_chunk() != Some(&SOCK_DIAG_BY_FAMILY.to_ne_bytes()) {
            return Err(Errno::NOTSUP);
        }
        let mut at = HEADER_BYTES + ANSWER_BYTES;
        loop {
            let [one, two, three, four] = number(answer, at)?.to_ne_bytes();
            let (length, kind) = (u16::from_ne_bytes([one, two]), u16::from_ne_bytes([three, four]));
            if kind == UNIX_DIAG_RQLEN {
                // What it may read comes before what its peer may.
                return number(answer, at + 8).map(u64::from);
            }
            at += usize::from(length).max(4).next_multiple_of(4);
        }
    }
}

fn question(inode: u32) -> Vec<u8> {
    let length = u32::try_from(REQUEST_BYTES).unwrap_or(0);
    let kind = joined(SOCK_DIAG_BY_FAMILY.to_ne_bytes(), NLM_F_REQUEST.to_ne_bytes());
    let (sequence, port) = (1, 0);
    // A byte for the family, one for the protocol, and two of padding.
    let [family, _] = AddressFamily::UNIX.as_raw().to_le_bytes();
    let family = u32::from_ne_bytes([family, 0, 0, 0]);
    let (all_states, any_cookie) = (u32::MAX, u32::MAX);
    let words =
        [length, kind, sequence, port, family, all_states, inode, UDIAG_SHOW_RQLEN, any_cookie, any_cookie];
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn joined([one, two]: [u8; 2], [three, four]: [u8; 2]) -> u32 {
    u32::from_ne_bytes([one, two, three, four])
}

/// The word at this place.
fn number(answer: &[u8], at: usize) -> io::Result<u32> {
    let bytes = answer.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map(|bytes| u32::from_ne_bytes(*bytes)).ok_or(Errno::BADMSG)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{io::Read as _, os::unix::net::UnixStream};

    use super::*;

    /// What the kernel is asked is laid out by hand.
    #[test]
    fn what_the_peer_has_read_is_not_counted() {
        let (socket, mut peer) = UnixStream::pair().unwrap();
        let unread = Unread::of(&socket).unwrap();
        assert_eq!(unread.bytes().unwrap(), 0);
        rustix::io::write(&socket, &[0; 1000]).unwrap();
        assert!(unread.bytes().unwrap() >= 1000);
        peer.read_exact(&mut [0; 1000]).unwrap();
        assert_eq!(unread.bytes().unwrap(), 0);
    }
}
