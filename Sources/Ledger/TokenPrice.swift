import Values

/// What the tokens of a model cost, in credits per million tokens.
public struct TokenPrice: Sendable, Hashable {
    /// How many tokens a price is of.
    static let tokensPriced: Int128 = 1_000_000

    /// The exact name of the model, or a prefix of names with `*` at its end.
    public let model: String
    public let input: Credits
    /// Of input that the provider had cached; `nil`: as any input.
    public let cachedInput: Credits?
    public let output: Credits
    /// Of output that is the model's reasoning; `nil`: as any output.
    public let reasoning: Credits?

    public init(
        model: String, input: Credits, cachedInput: Credits? = nil, output: Credits,
        reasoning: Credits? = nil
    ) {
        self.model = model
        self.input = input
        self.cachedInput = cachedInput
        self.output = output
        self.reasoning = reasoning
    }

    /// Names are compared byte by byte.
    public func matches(_ name: String) -> Bool {
        guard model.utf8.last == UInt8(ascii: "*") else {
            return model.utf8.elementsEqual(name.utf8)
        }
        return name.utf8.starts(with: model.utf8.dropLast())
    }

    /// Σ tokens × price, exactly: in millionths of a micro-credit, since a price is of a million
    /// tokens. The sum of any counts fits.
    func sum(of tokens: UsedTokens) -> Int128 {
        func cost(_ count: Int64, _ price: Credits) -> Int128 {
            Int128(count) * Int128(price.micros)
        }
        return cost(tokens.input - tokens.cachedInput, input)
            + cost(tokens.cachedInput, cachedInput ?? input)
            + cost(tokens.output - tokens.reasoning, output)
            + cost(tokens.reasoning, reasoning ?? output)
    }

    /// The price by which output is held whose kind nobody knows yet: the dearer one.
    var dearestOutput: Credits { max(output, reasoning ?? output) }
}

/// The tokens that a call took. Cached input is a part of the input, reasoning one of the output.
public struct UsedTokens: Sendable, Hashable {
    public static let none = UsedTokens(unchecked: 0, 0, 0, 0)

    public let input: Int64
    public let cachedInput: Int64
    public let output: Int64
    public let reasoning: Int64

    /// Fails for a negative count, and for a part that is larger than its whole.
    public init?(
        input: Int64, cachedInput: Int64 = 0, output: Int64, reasoning: Int64 = 0
    ) {
        guard cachedInput >= 0, cachedInput <= input, reasoning >= 0, reasoning <= output else {
            return nil
        }
        self.init(unchecked: input, cachedInput, output, reasoning)
    }

    private init(
        unchecked input: Int64, _ cachedInput: Int64, _ output: Int64, _ reasoning: Int64
    ) {
        self.input = input
        self.cachedInput = cachedInput
        self.output = output
        self.reasoning = reasoning
    }

    /// What both took; `nil` for counts that no integer holds.
    public func adding(_ other: UsedTokens) -> UsedTokens? {
        let input = input.addingReportingOverflow(other.input)
        let output = output.addingReportingOverflow(other.output)
        guard !input.overflow, !output.overflow else { return nil }
        // A part is never larger than its whole, so that it fits too.
        return UsedTokens(
            unchecked: input.partialValue, cachedInput + other.cachedInput, output.partialValue,
            reasoning + other.reasoning)
    }
}
