/// The files of templates, words and style, which SwiftPM puts into the binary.
package enum EmbeddedTemplates {
    /// By the templates' names.
    package static let all: [String: String] = [
        "account": text(PackageResources.account_mustache),
        "badge": text(PackageResources.badge_mustache),
        "bars": text(PackageResources.bars_mustache),
        "call": text(PackageResources.call_mustache),
        "calls": text(PackageResources.calls_mustache),
        "cancel": text(PackageResources.cancel_mustache),
        "chart_table": text(PackageResources.chart_table_mustache),
        "columns": text(PackageResources.columns_mustache),
        "component": text(PackageResources.component_mustache),
        "components": text(PackageResources.components_mustache),
        "confirm": text(PackageResources.confirm_mustache),
        "console_page": text(PackageResources.console_page_mustache),
        "console_signin": text(PackageResources.console_signin_mustache),
        "console_table": text(PackageResources.console_table_mustache),
        "copy": text(PackageResources.copy_mustache),
        "data": text(PackageResources.data_mustache),
        "delete": text(PackageResources.delete_mustache),
        "embed": text(PackageResources.embed_mustache),
        "empty": text(PackageResources.empty_mustache),
        "enter": text(PackageResources.enter_mustache),
        "error": text(PackageResources.error_mustache),
        "field": text(PackageResources.field_mustache),
        "home": text(PackageResources.home_mustache),
        "layout": text(PackageResources.layout_mustache),
        "lines": text(PackageResources.lines_mustache),
        "mail": text(PackageResources.mail_mustache),
        "meter": text(PackageResources.meter_mustache),
        "notice": text(PackageResources.notice_mustache),
        "plan": text(PackageResources.plan_mustache),
        "plan_card": text(PackageResources.plan_card_mustache),
        "pricing": text(PackageResources.pricing_mustache),
        "problem": text(PackageResources.problem_mustache),
        "profile": text(PackageResources.profile_mustache),
        "receipts": text(PackageResources.receipts_mustache),
        "resend": text(PackageResources.resend_mustache),
        "reset": text(PackageResources.reset_mustache),
        "reset_confirm": text(PackageResources.reset_confirm_mustache),
        "security": text(PackageResources.security_mustache),
        "signin": text(PackageResources.signin_mustache),
        "signout": text(PackageResources.signout_mustache),
        "signup": text(PackageResources.signup_mustache),
        "time": text(PackageResources.time_mustache),
        "timeline": text(PackageResources.timeline_mustache),
        "token": text(PackageResources.token_mustache),
        "upgrade": text(PackageResources.upgrade_mustache),
        "usage": text(PackageResources.usage_mustache),
        "verify": text(PackageResources.verify_mustache),
    ]

    package static var english: String { text(PackageResources.en_txt) }
    package static var stylesheet: String { text(PackageResources.pages_css) }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
