"""Where things live, and what may see what: the tables that `scripts/tidy.py` holds the code to."""

# A target, and the targets of ours that it may import: those only that stand above it here, so that
# no cycle can be written down. What it imports of others, Package.swift says.
ALLOWED = {
    "Values": "",
    "JSON": "",
    "Shell": "Values JSON",
    "Ledger": "Values",
    "Database": "Values",
    "HTTPEndpoint": "Values JSON",
    "HTTPServer": "JSON HTTPEndpoint",
    "HTTPClient": "",
    "Messaging": "Values Database",
    "RabbitMQ": "Values Database Messaging",
    "Stripe": "JSON HTTPClient",
    "Telemetry": "Values",
    "APIKeys": "Values Database",
    "LedgerStore": "Values JSON Ledger Database Telemetry",
    "CatalogSync": "Values JSON Ledger Database LedgerStore",
    "Users": "Values Ledger Database HTTPEndpoint",
    "Tokens": "Values JSON Database HTTPEndpoint HTTPClient Users",
    "Mail": "Values JSON Ledger Database HTTPClient Messaging Users",
    "Billing": "Values JSON Ledger Database HTTPEndpoint Messaging Stripe LedgerStore Users Mail",
    "Packs": "Values Ledger Database HTTPEndpoint Stripe LedgerStore Mail Billing",
    "Renewals": "Values Ledger Database Stripe LedgerStore Users Mail Billing",
    "Subscriptions": "Values JSON Ledger Database HTTPEndpoint Messaging Stripe LedgerStore Users Billing"
                     " Packs",
    "TopUps": "Values Ledger Database HTTPEndpoint Stripe LedgerStore Users Mail Billing Packs Subscriptions",
    "Reconciliation": "Values Ledger Database Stripe LedgerStore Users Billing Packs TopUps",
    "Promotions": "Values Ledger Database HTTPEndpoint LedgerStore Users",
    "Webhooks": "Values JSON Database HTTPEndpoint Messaging Stripe Telemetry LedgerStore Billing Packs"
                " Subscriptions TopUps",
    "StripeSetup": "Ledger Stripe Billing Webhooks",
    "BillingEmails": "Values Database Users",
    "Identity": "Values JSON Ledger Database HTTPEndpoint Messaging LedgerStore Users Tokens Mail Billing"
                " BillingEmails",
    "Metering": "Values Ledger HTTPEndpoint",
    "History": "Values JSON Database HTTPEndpoint",
    "UsageBatch": "JSON HTTPEndpoint",
    "UsageReports": "Values Ledger Database HTTPEndpoint LedgerStore",
    "Career": "Values JSON Ledger Database HTTPEndpoint Messaging LedgerStore Mail Billing"
              " Metering Subscriptions TopUps Promotions History UsageBatch UsageReports",
    "Refunds": "Values Database HTTPEndpoint Stripe LedgerStore Billing Packs",
    "API": "Values Ledger Database HTTPEndpoint LedgerStore Billing Subscriptions Metering"
           " UsageBatch",
    "Operators": "Values Database HTTPEndpoint Users Tokens Identity",
    "WorkspaceAuditLog": "Values JSON Database",
    "Workspaces": "Values JSON Database HTTPEndpoint Users Mail Identity APIKeys BillingEmails"
                  " WorkspaceAuditLog",
    "WorkspaceMembers": "Values JSON Database HTTPEndpoint Users WorkspaceAuditLog Workspaces",
    "WorkspaceCommands": "Values JSON Ledger Database HTTPEndpoint LedgerStore Users WorkspaceAuditLog"
                         " Workspaces",
    "WorkspaceKeys": "Values JSON Database HTTPEndpoint Users APIKeys Workspaces",
    "WorkspaceAccounts": "Values JSON Ledger Database HTTPEndpoint LedgerStore Billing Subscriptions"
                         " Promotions Metering UsageReports API APIKeys Workspaces",
    "WorkspaceBilling": "Values JSON Ledger Database HTTPEndpoint Messaging Stripe LedgerStore Users"
                        " Mail Billing Subscriptions APIKeys BillingEmails WorkspaceAuditLog Workspaces"
                        " WorkspaceAccounts",
    "WorkspaceSeats": "Values JSON Ledger Database Messaging HTTPEndpoint Stripe Billing Subscriptions API"
                      " WorkspaceAuditLog WorkspaceAccounts WorkspaceBilling Workspaces",
    "Invitations": "Values JSON Database HTTPEndpoint Users Workspaces",
    "PageFrame": "Values JSON HTTPEndpoint Identity",
    "Pages": "Values JSON Ledger HTTPEndpoint LedgerStore Billing Subscriptions TopUps Promotions"
             " Identity Metering UsageReports Career PageFrame History",
    "IdentityPages": "Values JSON HTTPEndpoint Users Identity PageFrame Pages",
    "WorkspacePages": "Values JSON Ledger Database HTTPEndpoint LedgerStore APIKeys UsageReports"
                      " WorkspaceAuditLog Workspaces WorkspaceMembers WorkspaceKeys WorkspaceAccounts"
                      " WorkspaceBilling WorkspaceSeats Billing Subscriptions Invitations"
                      " PageFrame Pages",
    "UserExport": "Values JSON Ledger Database HTTPEndpoint LedgerStore Users Billing Subscriptions"
                  " TopUps UsageReports Identity Career History APIKeys BillingEmails Workspaces",
    "Console": "Values JSON Ledger Database HTTPEndpoint Messaging LedgerStore CatalogSync Users Mail Billing"
               " Reconciliation Webhooks Identity Career Refunds Operators PageFrame Workspaces",
    "Schema": "Database",
    "Moving": "Values JSON Database LedgerStore Schema",
    "Settings": "Values HTTPEndpoint HTTPClient RabbitMQ Stripe Users Tokens Mail Billing Subscriptions"
                " StripeSetup Identity PageFrame",
    "Service": "Values JSON Ledger Database HTTPEndpoint HTTPServer HTTPClient Messaging RabbitMQ"
               " Stripe Telemetry LedgerStore CatalogSync Users Tokens Mail Billing Packs Subscriptions"
               " Settings TopUps Reconciliation Promotions Webhooks Identity History Career API Refunds"
               " Renewals Operators PageFrame Pages UserExport Console Schema Moving Workspaces"
               " WorkspaceMembers WorkspaceKeys WorkspaceAccounts WorkspaceBilling WorkspaceCommands"
               " WorkspaceSeats IdentityPages"
               " UsageReports Invitations APIKeys BillingEmails WorkspaceAuditLog WorkspacePages",
    "GuidedTour": "Values JSON Shell HTTPClient Settings Service",
    "Simulator": "Values Ledger",
    "SimulationRuns": "Values Simulator",
    "SimulatorDatabase": "Values Ledger Database LedgerStore Users Billing Schema Simulator",
    "StripeSandbox": "JSON HTTPClient",
    "cuebx": "Values JSON Shell GuidedTour Ledger Database Messaging LedgerStore CatalogSync Billing"
             " StripeSetup Promotions Subscriptions Career Operators Moving Settings Service StripeSandbox"
             " UsageReports Workspaces WorkspaceAccounts WorkspaceCommands",
    "cuebx-bench": "Values JSON Shell Ledger Database HTTPClient Messaging Stripe LedgerStore Webhooks"
                   " Settings Service",
    "cuebx-sim": "Values Shell Simulator SimulationRuns SimulatorDatabase",
    "stripe-sandbox": "StripeSandbox",
}

# Of a target with folders: a folder may use those before it. "." is the target's own folder.
FOLDERS = {
    "Ledger": [".", "Commands"],
    "LedgerStore": [".", "Audit"],
    "Career": ["Plans", "Usage", "Credits", "."],
    "API": ["Plans", "Usage", "."],
    "Service": ["Operations", "Setup", ".", "Administration"],
}

# The target that holds all SQL which names a table.
OWNERS = {
    "schema_migrations": "Database",
    "messages": "Messaging",
    "message_tries": "RabbitMQ",
    "installation": "LedgerStore",
    "plans": "LedgerStore",
    "plan_pricing_rules": "LedgerStore",
    "feature_cost_configs": "LedgerStore",
    "former_catalogs": "LedgerStore",
    "credit_packs": "LedgerStore",
    "subscriptions": "LedgerStore",
    "subscription_changes": "LedgerStore",
    "career_subscription_contexts": "LedgerStore",
    "career_usage_logs": "LedgerStore",
    "career_usage_steps": "LedgerStore",
    "standalone_grants": "LedgerStore",
    "usage_draws": "LedgerStore",
    "credit_grants": "LedgerStore",
    "career_analysis_results": "History",
    "career_analysis_totals": "History",
    "catalog_revisions": "CatalogSync",
    "catalog_drafts": "CatalogSync",
    "users": "Users",
    "former_accounts": "Users",
    "mails": "Mail",
    "checkouts": "Billing",
    "pack_purchases": "Packs",
    "workspace_pack_purchases": "Packs",
    "automatic_top_ups": "TopUps",
    "automatic_top_up_changes": "TopUps",
    "top_up_purchases": "TopUps",
    "top_up_returns": "TopUps",
    "promotion_codes": "Promotions",
    "code_redemptions": "Promotions",
    "code_attempts": "Promotions",
    "operator_notices": "Billing",
    "revoked_invoices": "Billing",
    "stripe_tickets": "LedgerStore",
    "credit_refusals": "LedgerStore",
    "api_subscriptions": "LedgerStore",
    "api_subscription_changes": "LedgerStore",
    "api_subscription_contexts": "LedgerStore",
    "api_credit_grants": "LedgerStore",
    "api_standalone_grants": "LedgerStore",
    "api_usage_draws": "LedgerStore",
    "api_usage_logs": "LedgerStore",
    "api_usage_steps": "LedgerStore",
    "api_key_spending": "LedgerStore",
    "upgrade_previews": "Subscriptions",
    "stripe_events": "Webhooks",
    "sessions": "Identity",
    "refresh_tokens": "Identity",
    "one_time_codes": "Identity",
    "form_tokens": "Identity",
    "auth_throttles": "Identity",
    "operators": "Operators",
    "operator_recovery_codes": "Operators",
    "operator_sessions": "Operators",
    "operator_actions": "Operators",
    "workspace_checkouts": "WorkspaceBilling",
    "workspace_plan_changes": "WorkspaceSeats",
    "workspace_trials": "WorkspaceBilling",
    "workspace_deletions": "WorkspaceBilling",
    "workspaces": "Workspaces",
    "workspace_members": "Workspaces",
    "workspace_invitations": "Workspaces",
    "workspace_audit": "WorkspaceAuditLog",
    "workspace_api_keys": "APIKeys",
    "workspace_billing_emails": "BillingEmails",
}

# Targets whose work is every table, see docs/decisions/0017-one-owner-a-table.md, and the local
# Stripe, whose database is another.
ALL_TABLES = {"Schema", "Moving", "StripeSandbox"}

# What still offends: (rule, file or target) and why. The list may only get shorter: a line that is no
# longer needed is an offence itself.
EXCEPTIONS = {
    ("tables_have_one_owner", "Sources/Identity/ExternalIssuer.swift"):
        "one statement, not two, for each request with a token of another issuer",
    ("tables_have_one_owner", "Sources/Identity/IdentitySweeper.swift"):
        "unproven users without a subscription, by one index, in one statement",
    ("tables_have_one_owner", "Sources/LedgerStore/Audit/RowCheck.swift"):
        "finds rows without a user, until an account needs none",
    ("tables_have_one_owner", "Sources/LedgerStore/Audit/SaleChecks.swift"):
        "judges what was granted by what was sold and redeemed, all in one statement each",
    ("tables_have_one_owner", "Sources/SimulatorDatabase/DatabaseEngine.swift"):
        "it makes users and tickets and reads rows that nobody decides on",
    ("tables_have_one_owner", "Sources/Workspaces/WorkspaceAudit.swift"):
        "finds accounts without a workspace, as RowCheck finds those without a user",
    ("tables_have_one_owner", "Sources/cuebx-bench/BareLoop.swift"):
        "the bench fills tables to measure, and counts their rows",
    ("tables_have_one_owner", "Sources/cuebx-bench/BenchProcesses.swift"):
        "the bench fills tables to measure, and counts their rows",
    ("tables_have_one_owner", "Sources/cuebx-bench/WebhookStage.swift"):
        "the bench fills tables to measure, and counts their rows",
    ("lines_are_short", "Sources/LedgerStore/LedgerWrite.swift"):
        "one column too many, in a file that is being rewritten",
}

# Words for which the field has another: a pattern, and what to write.
WORDS = {
    r"\bcancell(ed|ing|s)\b": "canceled, as Stripe spells it",
    r"(?<!\S)(?!database\b)[\w']+\s+transactions?\b": "database transaction",
}

EXECUTABLES = {"cuebx", "cuebx-bench", "cuebx-sim", "stripe-sandbox"}
# A whole payment provider; the rules of credits and of prices, and how both lie in tables; a world
# and the model of its rules.
LARGE_TARGETS = {"StripeSandbox", "Ledger", "LedgerStore", "Simulator"}

FILE_LINES = 300
FUNCTION_LINES = 70
TARGET_LINES = 3000
SWIFT_COLUMNS = 100
PYTHON_COLUMNS = 110
