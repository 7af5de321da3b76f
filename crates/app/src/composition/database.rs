//! The database that the settings choose, with its schema up to date.

use sluice_kernel::PortError;
use sluice_storage_sql::{Database, DatabasePlace, DatabaseSettings};

use super::{OpenError, OpenOptions};
use crate::Config;

/// For commands that work on a shop that stands: refuses an embedded database that nobody has made, as a mistyped data folder
/// names one.
pub fn require_shop(config: &Config) -> Result<(), OpenError> {
    match config.database_place() {
        DatabasePlace::File(file) if !file.exists() => Err(OpenError::NoShop(file)),
        DatabasePlace::File(_) | DatabasePlace::Url(_) => Ok(()),
    }
}

pub(super) async fn open_database(config: &Config, options: OpenOptions) -> Result<Database, OpenError> {
    let place = config.database_place();
    if place.is_sqlite() && !options.read_only {
        let created = std::fs::create_dir_all(&config.data_dir);
        created.map_err(|error| PortError::unavailable("the data folder", error))?;
    }
    let settings = DatabaseSettings {
        place,
        max_connections: config.database.max_connections,
        acquire_timeout: config.database.acquire_timeout.0,
        statement_timeout: config.database.statement_timeout.0,
        lock_wait: config.database.lock_wait.0,
        idle_transaction: config.database.idle_transaction.0,
        read_only: options.read_only,
    };
    let database = Database::connect(&settings).await?;
    if options.migrate {
        database.migrate().await?;
    } else if !database.is_up_to_date().await? {
        return Err(OpenError::SchemaBehind);
    }
    Ok(database)
}
