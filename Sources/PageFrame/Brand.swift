/// What the pages call themselves and how they look, out of the settings.
package struct Brand: Sendable {
    package let name: String
    package let color: Color
    /// The logo's bytes and kind; `nil` where a mark in the brand's colour stands for it.
    package let logo: Logo?
    package let supportEmail: String?
    package let termsURL: String?
    package let privacyURL: String?

    package struct Logo: Sendable {
        package let bytes: [UInt8]
        package let contentType: String

        package init(bytes: [UInt8], contentType: String) {
            self.bytes = bytes
            self.contentType = contentType
        }
    }

    package init(
        name: String, color: Color, logo: Logo? = nil, supportEmail: String? = nil,
        termsURL: String? = nil, privacyURL: String? = nil
    ) {
        self.name = name
        self.color = color
        self.logo = logo
        self.supportEmail = supportEmail
        self.termsURL = termsURL
        self.privacyURL = privacyURL
    }
}

/// A colour of sRGB.
package struct Color: Sendable, Equatable {
    let red: UInt8
    let green: UInt8
    let blue: UInt8

    package static let white = Color(red: 255, green: 255, blue: 255)
    package static let black = Color(red: 0, green: 0, blue: 0)
    /// The cards of the light and of the dark scheme, on which text of the accent stands: the
    /// surfaces of pages.css that give the least contrast.
    package static let lightSurface = Color(red: 0xef, green: 0xef, blue: 0xec)
    package static let darkSurface = Color(red: 0x26, green: 0x2a, blue: 0x31)
    /// What WCAG 2.2 asks of text (success criterion 1.4.3, level AA).
    static let leastContrast = 4.5

    package init(red: UInt8, green: UInt8, blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// Reads `#rrggbb`; fails for anything else.
    package init?(_ text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 7, digits[0] == UInt8(ascii: "#"),
            text.dropFirst().allSatisfy(\.isHexDigit),
            let number = UInt32(text.dropFirst(), radix: 16)
        else { return nil }
        self.init(
            red: UInt8(number >> 16), green: UInt8(number >> 8 & 0xff), blue: UInt8(number & 0xff))
    }

    package var hex: String {
        "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// WCAG's relative luminance, 0 to 1.
    private var luminance: Double {
        func linear(_ part: UInt8) -> Double {
            let value = Double(part) / 255
            guard value > 0.04045 else { return value / 12.92 }
            return Color.power((value + 0.055) / 1.055)
        }
        return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    /// `base` to the power of 2.4: its fifth root, twelve times.
    private static func power(_ base: Double) -> Double {
        var root = 0.5 + base / 2
        for _ in 0..<30 {
            let fourth = root * root * root * root
            root = (4 * root + base / fourth) / 5
        }
        var result = 1.0
        for _ in 0..<12 { result *= root }
        return result
    }

    /// WCAG's contrast of two colours, 1 to 21.
    package func contrast(with other: Color) -> Double {
        let (one, two) = (luminance, other.luminance)
        return (max(one, two) + 0.05) / (min(one, two) + 0.05)
    }

    /// White or black, whichever reads better on this colour: one of them always does.
    package var text: Color {
        contrast(with: .white) >= contrast(with: .black) ? .white : .black
    }

    /// This colour, moved towards the other as little as makes it readable on the surface.
    package func readable(on surface: Color, towards end: Color) -> Color {
        for step in 0...50 {
            let mixed = mixed(with: end, Double(step) / 50)
            if mixed.contrast(with: surface) >= Self.leastContrast { return mixed }
        }
        return end
    }

    func mixed(with other: Color, _ share: Double) -> Color {
        func part(_ one: UInt8, _ two: UInt8) -> UInt8 {
            UInt8((Double(one) * (1 - share) + Double(two) * share).rounded())
        }
        return Color(
            red: part(red, other.red), green: part(green, other.green),
            blue: part(blue, other.blue))
    }
}

extension Brand {
    /// The stylesheet with the brand's colours filled in.
    package func stylesheet(_ source: String) -> String {
        let light = color.readable(on: .lightSurface, towards: .black)
        let dark = color.readable(on: .darkSurface, towards: .white)
        let colors = [
            "accent": color, "on-accent": color.text, "link-light": light, "link-dark": dark,
            "held-light": light.mixed(with: .white, 0.55),
            "held-dark": dark.mixed(with: .darkSurface, 0.55),
        ]
        return colors.reduce(source) { $0.replacing("@\($1.key)@", with: $1.value.hex) }
    }

    /// A square of the brand's colour, for the browser's tab.
    package var icon: String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">\
        <rect width="16" height="16" rx="4" fill="\(color.hex)"/></svg>
        """
    }
}
