import Database
import Ledger
import Values

/// What was bought and what was redeemed is granted as it was promised.
enum SaleChecks {
    static let all =
        packs(of: .career) + [
            RowCheck("an account is to be topped up below what is no amount") { _ in
                """
                SELECT c.user_id, c.user_id FROM career_subscription_contexts c
                WHERE c.top_up_below NOT BETWEEN 1 AND \(Credits.maximum.micros)
                """
            },
            RowCheck("a code was redeemed that there is not, or at no time") { _ in
                """
                SELECT NULL, r.grant_id FROM code_redemptions r
                LEFT JOIN promotion_codes c ON c.code = r.code
                WHERE c.code IS NULL OR \(AuditSQL.isNoTime("r.redeemed_at"))
                """
            },
        ]

    /// Of what a product's accounts have bought, in the names of Career's tables.
    static func packs(of product: Product) -> [RowCheck] {
        let (purchases, holders) = (
            purchases(of: product), product == .career ? "users" : "workspaces"
        )
        // A grant that its user gives back is frozen.
        let isGivenBack =
            product == .career
            ? "EXISTS (SELECT 1 FROM top_up_returns t WHERE t.grant_id = g.id)" : "1 = 0"
        return [
            RowCheck("a paid pack is not granted as it was sold, or not taken back with its money")
            {
                _ in
                """
                SELECT p.user_id, p.id FROM (\(purchases)) p
                LEFT JOIN standalone_grants g ON g.id = p.grant_id
                WHERE p.paid_at IS NOT NULL AND (g.id IS NULL OR g.account_id <> p.user_id
                    OR g.source <> 'top_up' OR g.amount <> p.credits OR g.is_frozen < p.is_disputed
                    OR g.is_frozen > p.is_disputed AND NOT \(isGivenBack)
                    OR (g.is_paid = 1) <> (p.paid_minor > 0)
                    OR p.returned_minor = 0 AND g.take_back_total > 0
                    OR p.returned_minor > 0 AND p.returned_minor >= p.paid_minor
                        AND g.take_back_total <> g.amount)
                """
            },
            RowCheck("a purchase has a value that is none of its column, or is half paid") { _ in
                let halves = ["paid_minor", "returned_minor", "is_disputed", "grant_id"]
                    .map { "(p.\($0) IS NULL) <> (p.paid_at IS NULL)" }
                let amounts = ["price_minor", "paid_minor", "returned_minor"]
                    .map { "p.\($0) NOT BETWEEN 0 AND \(Credits.maximum.micros)" }
                let times = ["created_at", "expires_at", "paid_at"]
                    .map { AuditSQL.isNoTime("p.\($0)") }
                let rest = [
                    "p.credits NOT BETWEEN 1 AND \(Credits.maximum.micros)",
                    "p.valid_days NOT BETWEEN 1 AND \(longestDays)", "p.is_disputed NOT IN (0, 1)",
                    "p.returned_minor > p.paid_minor", "u.id IS NULL",
                ]
                return """
                    SELECT p.user_id, p.id FROM pack_purchases p
                    LEFT JOIN \(holders) u ON u.id = p.user_id
                    WHERE \((halves + amounts + times + rest).joined(separator: " OR "))
                    """
            },
            RowCheck("a bought grant has no purchase, or another was taken back") { _ in
                """
                SELECT g.account_id, g.id FROM standalone_grants g
                LEFT JOIN (\(purchases)) p ON p.grant_id = g.id
                WHERE g.source = 'top_up' AND p.id IS NULL
                    OR g.source NOT IN ('top_up', 'rollover') AND g.take_back_total <> 0
                """
            },
        ]
    }

    /// Of grants of every product: codes are redeemed for accounts of any.
    static let ofCodes = [
        RowCheck("a code's grant is not among those who have redeemed it, or of another amount") {
            _ in
            """
            SELECT g.account_id, g.id FROM standalone_grants g
            LEFT JOIN code_redemptions r ON r.grant_id = g.id
            LEFT JOIN promotion_codes c ON c.code = r.code
            WHERE g.cause LIKE 'code %' AND (r.code IS NULL OR g.cause <> 'code ' || r.code
                    OR g.source <> 'promotion' OR g.amount <> c.credits)
                OR g.cause NOT LIKE 'code %' AND r.code IS NOT NULL
            """
        }
    ]

    /// As the catalog and `cuebx codes` bound it.
    private static let longestDays = 1_000_000

    /// Codes, which have no id but themselves.
    static let wrongCodes: String = {
        let amounts = ["credits", "total"].map {
            "c.\($0) NOT BETWEEN 1 AND \(Credits.maximum.micros)"
        }
        let times = ["starts_at", "ends_at", "created_at"].map { AuditSQL.isNoTime("c.\($0)") }
        let rest = [
            "c.redeemed <> coalesce(n.times, 0)", "c.redeemed > c.total",
            "c.valid_days NOT BETWEEN 1 AND \(longestDays)", "c.ends_at < c.starts_at",
        ]
        return """
            SELECT c.code FROM promotion_codes c
            LEFT JOIN (SELECT code, count(*) AS times FROM code_redemptions GROUP BY code) n
                ON n.code = c.code
            WHERE \((amounts + times + rest).joined(separator: " OR "))
            """
    }()

    /// Packs of which a part of the money went back, with what was to be taken back of them.
    static func returnedInPart(of product: Product) -> String {
        """
        SELECT p.user_id, g.id, p.credits, p.returned_minor, p.paid_minor, g.take_back_total
        FROM (\(purchases(of: product))) p JOIN standalone_grants g ON g.id = p.grant_id
        WHERE p.returned_minor > 0 AND p.returned_minor < p.paid_minor
        """
    }

    /// Packs that were bought by hand and by themselves.
    private static func purchases(of product: Product) -> String {
        (["pack_purchases"] + (product == .career ? ["top_up_purchases"] : [])).map {
            """
            SELECT user_id, id, grant_id, credits, paid_at, paid_minor, returned_minor, is_disputed
            FROM \($0)
            """
        }.joined(separator: " UNION ALL ")
    }

    /// Judges what one statement cannot judge on both engines.
    static func run(
        of product: Product, in connection: any DatabaseConnection, _ offences: inout Offences
    ) throws {
        if product == .career {
            try connection.forEachRow(wrongCodes, []) { row in
                var reader = row.reader
                offences.add(
                    5, named: try reader.text(),
                    "a code was redeemed more or less often than is counted, or has a value that "
                        + "is none")
            }
        }
        // The share is counted here: its product is larger than the engines' integers.
        try connection.forEachRow(returnedInPart(of: product), []) { row in
            var reader = row.reader
            let (user, grant) = (try reader.uuid(), try reader.uuid())
            let numbers = try (0..<4).map { _ in try reader.integer() }
            let share = Credits(micros: numbers[0])?.share(numbers[1], of: numbers[2])
            if share?.micros != numbers[3] {
                offences.add(
                    5, grant, of: user, "a part of a pack was taken back other than its money's",
                    unlessNamed: true)
            }
        }
    }
}
