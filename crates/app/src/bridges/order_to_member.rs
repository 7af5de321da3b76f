//! Order checks verification codes with member.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_kernel::{PortResult, StoreId, UserId};
use sluice_member::{CodeCheck, MemberService};
use sluice_order::{CodeVerdict, CodeVerifier};

pub struct OrderToMember(pub Arc<dyn MemberService>);

#[async_trait]
impl CodeVerifier for OrderToMember {
    async fn check(&self, store: StoreId, user: &UserId, phone: &str, code: &str) -> PortResult<CodeVerdict> {
        match self.0.check_code(store, user, phone, code).await {
            Ok(CodeCheck::Valid(code)) => Ok(CodeVerdict::Valid { sent_at: code.sent_at }),
            Ok(CodeCheck::Invalid) => Ok(CodeVerdict::Invalid),
            Err(error) => Err(super::port_error("the verification code", error)),
        }
    }
}
