//! The bytes of each message.

use super::{
    put_string, Cgroup, Command, Fetch, Fields, Frame, Limit, Malformed, Memory, Program, Report, Setting, User, Volume,
};
use crate::message::text;

impl Cgroup {
    fn put(&self, out: &mut Vec<u8>) {
        put_string(out, &self.path);
        out.extend((self.settings.len() as u32).to_le_bytes());
        for setting in &self.settings {
            put_string(out, &text::to_bytes(&setting.file));
            put_string(out, &text::to_bytes(&setting.value));
            out.push(u8::from(setting.optional));
        }
    }

    fn take(f: &mut Fields<'_>) -> Result<Self, Malformed> {
        let path = f.string()?;
        let setting = |f: &mut Fields<'_>| {
            Ok(Setting {
                file: f.text()?,
                value: f.text()?,
                optional: f.u8()? != 0,
            })
        };
        let settings = (0..f.u32()?).map(|_| setting(f)).collect::<Result<_, _>>()?;
        Ok(Cgroup { path, settings })
    }
}

impl Memory {
    fn put(&self, out: &mut Vec<u8>) {
        for number in [self.limit, self.peak] {
            out.extend(number.unwrap_or(u64::MAX).to_le_bytes());
        }
        put_string(out, &text::to_bytes(&self.statistics));
    }

    fn take(f: &mut Fields<'_>) -> Result<Self, Malformed> {
        let mut number = || Ok(Some(f.u64()?).filter(|number| *number != u64::MAX));
        let (limit, peak) = (number()?, number()?);
        let statistics = f.text()?;
        Ok(Memory { limit, peak, statistics })
    }
}

impl Frame for Program {
    fn put(&self, out: &mut Vec<u8>) {
        for string in [&self.directory, &self.stdout, &self.stderr, &self.file] {
            put_string(out, string);
        }
        out.extend((self.arguments.len() as u32).to_le_bytes());
        for argument in &self.arguments {
            put_string(out, argument);
        }
        out.extend((self.environment.len() as u32).to_le_bytes());
        for (name, value) in &self.environment {
            put_string(out, name);
            put_string(out, value);
        }
        out.push(u8::from(self.user.is_some()));
        if let Some(user) = &self.user {
            put_string(out, &user.name);
            out.extend(user.uid.to_le_bytes());
            out.extend(user.gid.to_le_bytes());
        }
        out.extend((self.fetches.len() as u32).to_le_bytes());
        for fetch in &self.fetches {
            for string in [&fetch.uri, &fetch.from, &fetch.to, &fetch.cache] {
                put_string(out, string);
            }
            out.push(u8::from(fetch.executable));
            out.push(u8::from(fetch.extract));
        }
        out.extend((self.volumes.len() as u32).to_le_bytes());
        for volume in &self.volumes {
            for string in [&volume.from, &volume.root, &volume.to] {
                put_string(out, string);
            }
            out.push(u8::from(volume.read_only));
            out.push(u8::from(volume.mount));
        }
        out.extend((self.limits.len() as u32).to_le_bytes());
        for limit in &self.limits {
            out.push(limit.kind);
            out.extend(limit.soft.to_le_bytes());
            out.extend(limit.hard.to_le_bytes());
        }
        out.push(u8::from(self.cgroup.is_some()));
        self.cgroup.iter().for_each(|cgroup| cgroup.put(out));
    }

    fn take(f: &mut Fields<'_>) -> Result<Self, Malformed> {
        let (directory, stdout, stderr, file) = (f.string()?, f.string()?, f.string()?, f.string()?);
        let arguments = (0..f.u32()?).map(|_| f.string()).collect::<Result<_, _>>()?;
        let environment = (0..f.u32()?)
            .map(|_| Ok((f.string()?, f.string()?)))
            .collect::<Result<_, _>>()?;
        let user = match f.u8()? {
            0 => None,
            _ => Some(User {
                name: f.string()?,
                uid: f.u32()?,
                gid: f.u32()?,
            }),
        };
        let fetch = |f: &mut Fields<'_>| {
            Ok(Fetch {
                uri: f.string()?,
                from: f.string()?,
                to: f.string()?,
                cache: f.string()?,
                executable: f.u8()? != 0,
                extract: f.u8()? != 0,
            })
        };
        let fetches = (0..f.u32()?).map(|_| fetch(f)).collect::<Result<_, _>>()?;
        let volume = |f: &mut Fields<'_>| {
            Ok(Volume {
                from: f.string()?,
                root: f.string()?,
                to: f.string()?,
                read_only: f.u8()? != 0,
                mount: f.u8()? != 0,
            })
        };
        let volumes = (0..f.u32()?).map(|_| volume(f)).collect::<Result<_, _>>()?;
        let limit = |f: &mut Fields<'_>| {
            Ok(Limit {
                kind: f.u8()?,
                soft: f.u64()?,
                hard: f.u64()?,
            })
        };
        let limits = (0..f.u32()?).map(|_| limit(f)).collect::<Result<_, _>>()?;
        let cgroup = match f.u8()? {
            0 => None,
            _ => Some(Cgroup::take(f)?),
        };
        Ok(Program {
            directory,
            stdout,
            stderr,
            file,
            arguments,
            environment,
            user,
            fetches,
            volumes,
            limits,
            cgroup,
        })
    }
}

impl Frame for Command {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Command::Start { process, program } => {
                out.push(1);
                out.extend(process.to_le_bytes());
                program.put(out);
            }
            Command::Signal { process, signal } => {
                out.push(2);
                out.extend(process.to_le_bytes());
                out.extend(signal.to_le_bytes());
            }
            Command::Shutdown => out.push(3),
            Command::Limit(cgroup) => {
                out.push(4);
                cgroup.put(out);
            }
        }
    }

    fn take(f: &mut Fields<'_>) -> Result<Self, Malformed> {
        Ok(match f.u8()? {
            1 => Command::Start {
                process: f.u64()?,
                program: Box::new(Program::take(f)?),
            },
            2 => Command::Signal {
                process: f.u64()?,
                signal: f.u32()? as i32,
            },
            3 => Command::Shutdown,
            4 => Command::Limit(Cgroup::take(f)?),
            _ => return Err(Malformed),
        })
    }
}

impl Frame for Report {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Report::Ready { server, guard } => {
                out.push(1);
                out.extend(server.to_le_bytes());
                out.extend(guard.to_le_bytes());
            }
            Report::Started { process, pid } => {
                out.push(2);
                out.extend(process.to_le_bytes());
                out.extend(pid.to_le_bytes());
            }
            Report::Failed { process, reason } => {
                out.push(3);
                out.extend(process.to_le_bytes());
                put_string(out, &text::to_bytes(reason));
            }
            Report::Exited { process, status } => {
                out.push(4);
                out.extend(process.to_le_bytes());
                out.extend(status.to_le_bytes());
            }
            Report::OutOfMemory { process, memory } => {
                out.push(5);
                out.extend(process.to_le_bytes());
                memory.put(out);
            }
        }
    }

    fn take(f: &mut Fields<'_>) -> Result<Self, Malformed> {
        Ok(match f.u8()? {
            1 => Report::Ready {
                server: f.u32()?,
                guard: f.u32()?,
            },
            2 => Report::Started {
                process: f.u64()?,
                pid: f.u32()?,
            },
            3 => Report::Failed {
                process: f.u64()?,
                reason: f.text()?,
            },
            4 => Report::Exited {
                process: f.u64()?,
                status: f.u32()? as i32,
            },
            5 => Report::OutOfMemory {
                process: f.u64()?,
                memory: Memory::take(f)?,
            },
            _ => return Err(Malformed),
        })
    }
}
