//! What the database says of a statement's plan.

use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};

/// Rows that one step may read for one page, turn or trace of the seeded tables; whoever reads a table whole reads 4,000.
const MAX_ROWS_READ: f64 = 700.0;

/// Why the statement's work grows with what is stored; empty where it does not.
pub(super) async fn complaints(connection: &DatabaseConnection, statement: &Statement, sqlite: bool) -> Vec<String> {
    if sqlite { sqlite_complaints(connection, statement).await } else { mariadb_complaints(connection, statement).await }
}

async fn sqlite_complaints(connection: &DatabaseConnection, statement: &Statement) -> Vec<String> {
    let plan = Statement::from_string(statement.db_backend, format!("EXPLAIN QUERY PLAN {statement}"));
    let steps = connection.query_all_raw(plan).await.unwrap_or_else(|error| panic!("{error}: {statement}"));
    let details = steps.iter().map(|step| step.try_get_by::<String, _>("detail").unwrap());
    let grows = |detail: &String| {
        // Of a subquery's result, which has a LIMIT, or of a list that was bound.
        let bounded = ["SCAN looked_at", "SCAN status_", "SCAN d", "SCAN CONSTANT"].iter().any(|start| detail.starts_with(start));
        let small = ["SCAN s", "SCAN st"].contains(&detail.as_str()) || detail.starts_with("SCAN (");
        (detail.starts_with("SCAN") && !bounded && !small) || detail.contains("TEMP B-TREE FOR ORDER BY")
    };
    details.filter(grows).collect()
}

async fn mariadb_complaints(connection: &DatabaseConnection, statement: &Statement) -> Vec<String> {
    let is_select = statement.sql.starts_with("SELECT");
    let verb = if is_select { "ANALYZE" } else { "EXPLAIN" };
    let plan = Statement::from_string(statement.db_backend, format!("{verb} {statement}"));
    let steps = connection.query_all_raw(plan).await.unwrap_or_else(|error| panic!("{error}: {statement}"));
    let mut complaints = Vec::new();
    for step in &steps {
        let text = |column: &str| step.try_get_by::<Option<String>, _>(column).ok().flatten().unwrap_or_default();
        let (table, access, extra) = (text("table"), text("type"), text("Extra"));
        if table.is_empty() || table.starts_with('<') {
            continue;
        }
        let read: f64 = if is_select {
            text("r_rows").parse().unwrap_or(0.0)
        } else {
            // A change is judged by the access it plans.
            if access == "ALL" || access == "index" { f64::MAX } else { 0.0 }
        };
        if read > MAX_ROWS_READ {
            complaints.push(format!("{table}: {access} by {} reads {read} rows ({extra})", text("key")));
        }
    }
    complaints
}
