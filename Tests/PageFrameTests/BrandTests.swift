import PageFrame
import Testing

@Suite("A brand's colour is readable wherever it stands")
struct BrandTests {
    /// Every colour of a coarse grid.
    private static let colors: [Color] = {
        let parts: [UInt8] = [0, 51, 102, 128, 153, 204, 255]
        return parts.flatMap { red in
            parts.flatMap { green in
                parts.map { Color(red: red, green: green, blue: $0) }
            }
        }
    }()

    @Test("Text on the colour, and the colour as text on both schemes, pass WCAG's AA")
    func contrast() {
        for color in Self.colors {
            #expect(color.text.contrast(with: color) >= 4.5, "\(color.hex)")
            let light = color.readable(on: .lightSurface, towards: .black)
            #expect(light.contrast(with: .lightSurface) >= 4.5, "\(color.hex)")
            let dark = color.readable(on: .darkSurface, towards: .white)
            #expect(dark.contrast(with: .darkSurface) >= 4.5, "\(color.hex)")
        }
    }

    @Test(
        "Contrast is WCAG's", arguments: [("#000000", 21.0), ("#767676", 4.54), ("#ffffff", 1.0)])
    func known(text: String, contrast: Double) throws {
        let color = try #require(Color(text))
        #expect(abs(color.contrast(with: .white) - contrast) < 0.01)
    }

    @Test(
        "What is no colour is refused",
        arguments: ["", "#fff", "3f4fd0", "#3f4fd", "#3f4fd0 ", "#3f4fdg", "#+f4fd0", "#３f4fd"])
    func refused(text: String) {
        #expect(Color(text) == nil)
    }

    @Test("The stylesheet has a value for each of the brand's colours")
    func stylesheet() throws {
        let brand = Brand(name: "B", color: try #require(Color("#3f4fd0")))
        let style = brand.stylesheet(EmbeddedTemplates.stylesheet)
        #expect(style.contains("--accent: #3f4fd0"))
        #expect(style.wholeMatch(of: /(?s).*@[a-z-]+@.*/) == nil)
    }
}
