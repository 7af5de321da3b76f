//! `sluice trace order NO` and `sluice trace sku ID`: everything that happened, from the database.

use std::process::ExitCode;

use sluice_app::{Config, OpenOptions, TraceLine};
use sluice_kernel::{OrderNo, SkuId};

use super::{Outcome, open};
use crate::{arguments::TraceArgument, output::say};

pub async fn trace(config: &Config, what: TraceArgument) -> Outcome {
    let open = open(config, OpenOptions::read_only()).await?;
    let (name, lines) = match what {
        TraceArgument::Order { order_no } => {
            let order: OrderNo = order_no.parse()?;
            (format!("order {order}"), open.traces.of_order(order).await?)
        }
        TraceArgument::Sku { sku_id } => (format!("SKU {sku_id}"), open.traces.of_sku(SkuId(sku_id)).await?),
    };
    open.close().await;
    if lines.is_empty() {
        return Err(format!("nothing is known of {name}").into());
    }
    for TraceLine { at, what, text } in lines {
        say(&format!("{at}  {what:<12} {text}"));
    }
    Ok(ExitCode::SUCCESS)
}
