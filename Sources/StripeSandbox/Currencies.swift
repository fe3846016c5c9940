// What can be charged in a currency: docs.stripe.com/currencies.

extension Currencies {
    /// Without decimals, and counted in hundredths all the same.
    private static let countedInHundredths: Set = ["isk", "ugx"]

    /// In which prices can be made: docs.stripe.com/currencies, "Presentment currencies", and those
    /// of three decimals.
    private static let known = Set(
        """
        usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn
        bwp byn bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel
        ghs gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd
        kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio
        nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle
        sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf
        yer zar zmw
        """.split(whereSeparator: \.isWhitespace).map(String.init))

    static func isKnown(_ currency: String) -> Bool { known.contains(currency) }

    /// Refuses an amount that no charge can have.
    package static func check(_ amount: Int64, _ currency: String, param: String) throws {
        if threeDecimal.contains(currency), amount % 10 != 0 {
            throw StripeError.invalid(
                "Invalid amount: the last digit must be 0 in \(currency).", param: param)
        }
        if countedInHundredths.contains(currency), amount % 100 != 0 {
            throw StripeError.invalid(
                "Invalid amount: it must be divisible by 100 in \(currency).", param: param)
        }
    }
}
