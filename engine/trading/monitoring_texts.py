"""What the watch over the market says, in Korean and English."""

from __future__ import annotations

from engine.reports.language import Text

RISE = Text("급등 {ticker} {percent:+.1f}% ({price:,}원)", "Rise: {ticker} {percent:+.1f}% ({price:,} won)")
FALL = Text("급락 {ticker} {percent:+.1f}% ({price:,}원)", "Fall: {ticker} {percent:+.1f}% ({price:,} won)")
SURGE = Text(
    "거래량 급증 {ticker}: {shares:,}주, 이 시각 평소({usual:,}주)의 {times:.1f}배",
    "Volume of {ticker} surges: {shares:,} shares, {times:.1f} times the usual {usual:,} by this time",
)
LIMIT_UP = Text("상한가 {ticker} {price:,}원", "{ticker} is at its upper limit, {price:,} won")
LIMIT_DOWN = Text("하한가 {ticker} {price:,}원", "{ticker} is at its lower limit, {price:,} won")
HALTED = Text("거래정지 {ticker}", "Trading of {ticker} is halted")
HALT_OVER = Text("거래정지 해제 {ticker}", "Trading of {ticker} goes on after a halt")
INTERRUPTED = Text("변동성완화장치(VI) 발동 {ticker}", "Volatility interruption of {ticker}")
INTERRUPTION_OVER = Text("변동성완화장치(VI) 해제 {ticker}", "The volatility interruption of {ticker} is over")
INDEX_RISE = Text("지수 급등 {ticker} {percent:+.1f}% ({level:,.2f})", "Rise: {ticker} {percent:+.1f}% ({level:,.2f})")
INDEX_FALL = Text("지수 급락 {ticker} {percent:+.1f}% ({level:,.2f})", "Fall: {ticker} {percent:+.1f}% ({level:,.2f})")
CROWDED = Text("실시간 등록이 한도를 넘습니다: {what}", "More is listened to than there are places: {what}")
REFUSED = Text("실시간 등록 거부: {what}", "Not listened to: {what}")
GAP = Text("시세 공백: {what}", "Gap in the feed: {what}")
FILLS = {
    "buy": Text("매수 체결 {ticker} {quantity:,}주 × {price:,}원", "Bought {quantity:,} of {ticker} × {price:,} won"),
    "sell": Text("매도 체결 {ticker} {quantity:,}주 × {price:,}원", "Sold {quantity:,} of {ticker} × {price:,} won"),
}
