//! What one process knows of the gate, and how that changes.

use std::sync::Arc;

use crate::scripts::Scripts;

#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    pub(crate) epoch: i64,
    /// The scripts of `epoch`; none while the gate is closed here.
    pub(crate) scripts: Option<Arc<Scripts>>,
    /// An epoch whose keys or scripts were found missing. It is never adopted again.
    condemned: Option<i64>,
}

impl Standing {
    pub(crate) fn is_condemned(&self, epoch: i64) -> bool {
        self.condemned == Some(epoch)
    }

    /// Keys or scripts of `epoch` are missing. True where the gate was open under it.
    pub(crate) fn doubt(&mut self, epoch: i64) -> bool {
        if self.epoch != epoch {
            return false;
        }
        self.condemned = Some(epoch);
        self.scripts.take().is_some()
    }

    /// Closes the gate and never adopts `epoch` again.
    pub(crate) fn condemn(&mut self, epoch: i64) {
        self.close(epoch);
        self.condemned = Some(epoch);
    }

    /// True where the gate was open.
    pub(crate) fn close(&mut self, epoch: i64) -> bool {
        self.epoch = self.epoch.max(epoch);
        self.scripts.take().is_some()
    }

    /// True where the gate is open from now on and was not before. A call may have found a loss since `scripts` were looked at.
    pub(crate) fn adopt(&mut self, scripts: Scripts) -> bool {
        let epoch = scripts.epoch;
        if self.is_condemned(epoch) || (self.epoch == epoch && self.scripts.is_some()) {
            return false;
        }
        *self = Self { epoch, scripts: Some(Arc::new(scripts)), condemned: None };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripts::Op;

    fn scripts(epoch: i64) -> Scripts {
        Scripts::find(epoch, |op: Op| Some(op.name().to_owned())).unwrap()
    }

    #[test]
    fn an_epoch_that_was_doubted_is_never_adopted_again() {
        let mut standing = Standing::default();
        assert!(standing.adopt(scripts(1)) && !standing.adopt(scripts(1)));
        // What an older epoch's call finds says nothing of this one.
        assert!(!standing.doubt(0) && standing.scripts.is_some());
        assert!(standing.doubt(1) && !standing.doubt(1));
        assert!(!standing.adopt(scripts(1)) && standing.scripts.is_none());
        assert!(standing.adopt(scripts(2)));
        assert!(standing.close(3) && !standing.close(2));
        assert_eq!(standing.epoch, 3);
        standing.condemn(3);
        assert!(!standing.adopt(scripts(3)) && standing.adopt(scripts(4)));
    }
}
