import JSON
import Values

extension InputKind where Value == Credits {
    /// An amount that is to be charged or held: a decimal string with at most six decimals, up to a
    /// billion.
    package static func credits(from least: Credits) -> InputKind<Credits> {
        InputKind<String>.text(1...19).documented(["pattern": "^[0-9]{1,12}(\\.[0-9]{1,6})?$"])
            .satisfying(
                "credits",
                least == .zero
                    ? "must be an amount of at most a billion with at most six decimals"
                    : "must be an amount above zero, at most a billion with at most six decimals"
            ) { text in Credits(decimal: text).map { $0 >= least } ?? false }
            .map(placeholder: least) { Credits(decimal: $0) ?? least }
    }

    /// The same without zero.
    package static var someCredits: InputKind<Credits> { .credits(from: Credits(clamping: 1)) }
}
