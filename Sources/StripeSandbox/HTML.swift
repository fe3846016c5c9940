/// The frame of the sandbox's pages: no scripts, no outside resources.
package enum HTML {
    package static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.append(character)
            }
        }
        return escaped
    }

    /// A page; its title is escaped here, its body is HTML already.
    static func page(_ title: String, _ body: String, status: Int = 200) -> Answer {
        let text = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(escape(title))</title>
            <style>\(style)</style>
            </head>
            <body>
            <main>
            <p class="badge">Test mode: no money moves</p>
            \(body)
            </main>
            </body>
            </html>

            """
        return Answer(
            status: status,
            headers: [
                ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
                ("cache-control", "no-store"), ("referrer-policy", "no-referrer"),
            ], body: text, contentType: "text/html; charset=utf-8")
    }

    static func redirect(to location: String) -> Answer {
        Answer(
            status: 303, headers: [("location", location), ("cache-control", "no-store")],
            body: "", contentType: "text/plain")
    }

    static func notice(_ text: String?) -> String {
        text.map { "<p class=\"notice\" role=\"alert\">\(escape($0))</p>" } ?? ""
    }

    static func button(_ action: String, _ label: String, kind: String = "plain") -> String {
        """
        <button class="\(kind)" name="action" value="\(action)">\(escape(label))</button>
        """
    }

    private static let style = """
        :root{color-scheme:light dark}
        body{margin:0;background:#f6f7f9;color:#1a1f36;
        font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
        main{max-width:30rem;margin:3rem auto;padding:2rem;background:#fff;border-radius:12px;
        box-shadow:0 2px 12px rgba(20,30,60,.12)}
        h1{font-size:1.35rem;margin:.2rem 0 1rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}
        table{width:100%;border-collapse:collapse;margin:.5rem 0 1rem}
        td{padding:.45rem 0;border-bottom:1px solid #e3e6ee}td:last-child{text-align:right}
        tr.total td{font-weight:600;border-bottom:0}
        .badge{display:inline-block;margin:0 0 1rem;padding:.1rem .6rem;border-radius:99px;
        background:#fff3d6;color:#7a4b00;font-size:.8rem}
        .notice{padding:.6rem .9rem;border-radius:8px;background:#fdecec;color:#8c1b1b}
        .quiet{color:#5b6478;font-size:.9rem}
        form{margin:.5rem 0}
        button{display:block;width:100%;margin:.5rem 0;padding:.65rem 1rem;font:inherit;
        border:1px solid #cdd3e0;border-radius:8px;background:#fff;color:inherit;cursor:pointer}
        button.main{background:#4b4ded;border-color:#4b4ded;color:#fff;font-weight:600}
        button:focus-visible,a:focus-visible{outline:3px solid #9fa1ff;outline-offset:2px}
        a{color:#4143c9}
        @media (prefers-color-scheme:dark){body{background:#12141c;color:#e7e9f2}
        main{background:#1c1f2b}td{border-color:#333849}button{background:#262a39;
        border-color:#434960}a{color:#a9abff}.quiet{color:#a2a9bd}}
        @media (max-width:34rem){main{margin:0;border-radius:0;min-height:100vh;
        box-sizing:border-box}}
        """
}
