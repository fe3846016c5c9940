/// What stands around the paragraphs, and the pieces that look different in text and in HTML.
struct MailLayout: Sendable {
    /// Gets the `subject` and the `paragraphs`, which are rendered already.
    let page: String
    let partials: [String: String]

    private static let greeting = """
        {{#name}}Hello {{name}},{{/name}}{{^name}}Hello,{{/name}}

        {{#billedWorkspace}}This is about the workspace {{billedWorkspace}}.{{/billedWorkspace}}

        """

    static let text = MailLayout(
        page: """
            {{#paragraphs}}
            {{{.}}}

            {{/paragraphs}}
            --\u{20}
            CueBX Career

            """,
        partials: [
            "greeting": greeting,
            "code": "{{code}}\n",
            "token": "{{code}}\n",
            "invitationLink": "{{site}}/invitations/{{code}}\n",
            "invoiceLink": "{{#invoiceURL}}Open the invoice: {{invoiceURL}}{{/invoiceURL}}\n",
        ])

    /// No color but the button's is set, so that it reads well on light and on dark; nothing is
    /// fetched from anywhere, and nothing tells that the mail was read.
    static let html = MailLayout(
        page: """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="supported-color-schemes" content="light dark">
            <title>{{subject}}</title>
            </head>
            <body style="margin:0;padding:24px 16px;font:16px/1.5 system-ui,sans-serif">
            <div style="max-width:560px;margin:0 auto">
            {{#paragraphs}}
            <p style="margin:0 0 16px">{{{.}}}</p>
            {{/paragraphs}}
            <p style="margin:32px 0 0;font-size:13px">CueBX Career</p>
            </div>
            </body>
            </html>

            """,
        partials: [
            "greeting": greeting,
            "code": """
            <strong style="font-size:28px;letter-spacing:4px">{{code}}</strong>

            """,
            "token": """
            <code style="overflow-wrap:anywhere">{{code}}</code>

            """,
            "invitationLink": """
            <a href="{{site}}/invitations/{{code}}" style="overflow-wrap:anywhere"
            >{{site}}/invitations/{{code}}</a>

            """,
            "invoiceLink": """
            {{#invoiceURL}}
            <a href="{{invoiceURL}}" style="display:inline-block;padding:10px 20px;
            border-radius:6px;background:#1a5fd0;color:#ffffff;text-decoration:none"
            >Open the invoice</a>
            {{/invoiceURL}}

            """,
        ])
}
