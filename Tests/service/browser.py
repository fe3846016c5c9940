"""A browser without a screen: it keeps cookies, reads HTML and sends forms as they stand in a page."""

import urllib.parse
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "img", "hr"}


class Element:
    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children = []

    def __getitem__(self, name):
        return self.attributes.get(name)

    @property
    def text(self):
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join("".join(parts).split())

    def all(self, tag, **attributes):
        """Those below it of this tag that have these attributes."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag and all(
                        child[name.rstrip("_").replace("_", "-")] == value
                        for name, value in attributes.items()):
                    found.append(child)
                found += child.all(tag, **attributes)
        return found


class Document(HTMLParser):
    """Refuses what is not closed in order, so that no value can break out of its place unseen."""

    def __init__(self, text):
        super().__init__()
        self.root = self.current = Element("", {}, None)
        self.feed(text)
        self.close()
        assert self.current is self.root, f"<{self.current.tag}> is not closed"

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), (tag, names)
        element = Element(tag, {name: value or "" for name, value in attributes}, self.current)
        self.current.children.append(element)
        if tag not in VOID:
            self.current = element

    def handle_startendtag(self, tag, attributes):
        self.current.children.append(Element(tag, dict(attributes), self.current))

    def handle_endtag(self, tag):
        assert self.current.tag == tag, f"</{tag}> closes <{self.current.tag}>"
        self.current = self.current.parent

    def handle_data(self, data):
        self.current.children.append(data)


class Page:
    def __init__(self, browser, path, answer):
        self.browser, self.path, self.answer = browser, path, answer
        self.status, self.headers = answer.status, answer.headers
        self.html = answer.bytes.decode()
        self.root = Document(self.html).root

    def all(self, tag, **attributes):
        return self.root.all(tag, **attributes)

    @property
    def title(self):
        return self.all("title")[0].text

    @property
    def text(self):
        return self.all("main")[0].text

    @property
    def problems(self):
        """What the summary says, and where each line leads."""
        return [(item.text, (item.all("a") or [{"href": None}])[0]["href"])
                for box in self.all("div", id="problem") for item in box.all("li")]

    @property
    def notice(self):
        return " ".join(box.text for box in self.all("div", role="status"))

    def form(self, action):
        [form] = [form for form in self.all("form") if form["action"] == action]
        return form

    def fields(self, action):
        """What the form would send if nobody touched it."""
        fields = {}
        for tag in self.form(action).all("input") + self.form(action).all("select"):
            if tag["type"] == "checkbox":
                if "checked" in tag.attributes:
                    fields[tag["name"]] = "on"
            elif tag.tag == "select":
                chosen = [option for option in tag.all("option") if "selected" in option.attributes]
                fields[tag["name"]] = chosen[0]["value"] if chosen else ""
            else:
                fields[tag["name"]] = tag["value"] or ""
        for tag in self.form(action).all("textarea"):
            # The first line break is none of the value's.
            fields[tag["name"]] = "".join(tag.children).removeprefix("\n")
        return fields

    def send(self, action, follow=True, headers={}, **values):
        fields = {**self.fields(action), **values}
        return self.browser.post(action, fields, follow=follow, headers=headers)


class Browser:
    def __init__(self, service, **headers):
        self.service, self.cookies, self.headers = service, {}, headers

    def call(self, method, path, raw=None, headers={}):
        sent = {"Accept": "text/html", "User-Agent": "Firefox/130.0 (Linux)", **self.headers, **headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.service.call(method, path, raw=raw, headers=sent)
        return self.keep(answer)

    def keep(self, answer):
        for line in answer.all_headers.get("set-cookie", []):
            pair, *rest = line.split("; ")
            name, _, value = pair.partition("=")
            if "Max-Age=0" in rest:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def get(self, path, follow=True):
        answer = self.call("GET", path)
        return self.follow(path, answer) if follow else answer

    def post(self, path, fields, follow=True, headers={}):
        raw = urllib.parse.urlencode(fields).encode()
        answer = self.call("POST", path, raw, {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://{self.service.host}:{self.service.port}", **headers})
        return self.follow(path, answer) if follow else answer

    def follow(self, path, answer):
        for _ in range(5):
            if answer.status != 303:
                return Page(self, path, answer)
            path = answer.headers["location"]
            if not path.startswith("/"):
                return answer
            answer = self.call("GET", path)
        raise AssertionError(f"led round in a circle, to {path}")

    # What many tests begin with.

    def sign_up(self, email, password, name=""):
        page = self.get("/signup").send("/signup", email=email, password=password, full_name=name)
        assert page.path.startswith("/verify"), page.text
        page = page.send("/verify", otp_code=self.service.code(email))
        assert page.path == "/account", page.text
        return page

    def sign_in(self, email, password, **more):
        return self.get("/signin").send("/signin", email=email, password=password, **more)
