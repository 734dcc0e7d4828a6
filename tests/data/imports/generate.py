#!/usr/bin/env python3
"""Writes the sample exports of this folder: made-up people and orders, in the form and encoding in which the
shops' systems export them (columns after their public help pages). `generate.py --check` compares instead."""

import io
import pathlib
import sys
import zipfile

HERE = pathlib.Path(__file__).parent


def wrapped(number):
    return f'"=""{number}"""'


def taobao_orders():
    head = ("订单编号 ,买家会员名 ,买家支付宝账号 ,买家应付货款 ,买家实际支付金额 ,订单状态 ,收货人姓名 ,收货地址 ,联系手机 ,"
            "订单创建时间 ,订单付款时间 ,宝贝标题 ,确认收货时间 ,退款金额 ")
    rows = [
        (wrapped("2026090100000000001"), "蓝天白云", "-", "1299.00", "￥1,299.00", "交易成功", "张晓雨", "云南省昆明市某路1号",
         "'13800138001", "2026/9/1 9:05", "2026/9/1 9:06", "手冲壶", "2026/9/5 18:00", "0.00"),
        (wrapped("2026090200000000002"), "小*鱼", "-", "88.00", "88.00元", "卖家已发货，等待买家确认", "李木", "广西南宁某街2号",
         "'13900139002", "2026/9/2 10:00", "2026/9/2 10:01", "杯子", "", "无"),
        (wrapped("2026090300000000003"), "匿*", "-", "20.00", "20.00", "买家已付款，等待卖家发货", "王*", "某地",
         "'138****0003", "2026/9/3 10:00", "2026/9/3 10:01", "杯刷", "", "0.00"),
        (wrapped("2026090400000000004"), "蓝天白云", "-", "50.00", "0.00", "等待买家付款", "张晓雨", "云南省昆明市某路1号",
         "'13800138001", "2026/9/4 11:00", "", "滤纸", "", "0.00"),
        (wrapped("2026090500000000005"), "山中人", "-", "300.00", "300.00", "付款后关闭", "赵山", "贵州贵阳某巷5号",
         "'13700137005", "2026/9/5 12:00", "2026/9/5 12:01", "磨豆机", "", "300.00"),
        (wrapped("2026090600000000006"), "山中人", "-", "１００", "１００．５０", "部分退款", "赵山", "贵州贵阳某巷5号",
         "'13700137005", "2026/9/6 12:00", "2026/9/6 12:01", "咖啡豆", "", "30.50"),
        ("2.02609E+18", "山中人", "-", "10.00", "10.00", "交易成功", "赵山", "贵州贵阳某巷5号",
         "'13700137005", "2026/9/7 12:00", "2026/9/7 12:01", "勺子", "", "0.00"),
        (wrapped("2026090800000000008"), "山中人", "-", "10.00", "10.00", "等待火星发货", "赵山", "贵州贵阳某巷5号",
         "'13700137005", "2026/9/8 12:00", "2026/9/8 12:01", "勺子", "", "0.00"),
    ]
    quoted = [[cell if cell.startswith('"') or "," not in cell else f'"{cell}"' for cell in row] for row in rows]
    return "\r\n".join([head, *(",".join(row) for row in quoted), ""]).encode("gb18030")


def taobao_items():
    head = "子订单编号,主订单编号,买家会员名,商品标题,商品价格,购买数量,商家编码,订单状态,订单付款时间,买家实付金额,退款金额"
    rows = [
        "'2026091000000000101,'2026091000000000100,蓝天白云,手冲壶,200.00,1,KP-1,交易成功,2026-09-10 09:00:00,180.50,0",
        "'2026091000000000102,'2026091000000000100,蓝天白云,滤纸,20.00,2,FP-2,交易成功,2026-09-10 09:00:00,39.50,0",
    ]
    return "\n".join([head, *rows, ""]).encode("gb18030")


def jd_orders():
    head = "订单号,商品ID,货号,商品名称,订购数量,京东价,应付金额,订单状态,下单账号,下单时间,付款确认时间,客户姓名,客户地址,联系电话,订单备注"
    rows = [
        "290000000001,100,SKU-1,水壶,1,99.00,119.00,完成,jd_qingshan,2026-09-01 08:00:00,2026-09-01 08:01:00,林青,北京某区,13600136001,无",
        "290000000001,101,SKU-2,杯垫,2,10.00,119.00,完成,jd_qingshan,2026-09-01 08:00:00,2026-09-01 08:01:00,林青,北京某区,13600136001,无",
        "290000000002,100,SKU-1,水壶,1,99.00,99.00,(删除)等待出库,jd_l***,2026-09-02 08:00:00,2026-09-02 08:01:00,何*,北京某区,136****6002,无",
    ]
    return "\n".join([head, *rows, ""]).encode("gb18030")


def douyin_orders():
    head = "主订单编号,子订单编号,选购商品,商品规格,商品数量,商品ID,商家编码,商品单价,订单应付金额,收件人,收件人手机号,详细地址,订单提交时间,支付完成时间,订单状态"
    rows = [
        "'6900000000000000001\t,'6900000000000000011\t,燕麦片,500g,2,'3600000001\t,OAT,30.00,55.00,周末,13500135001,某市某路,2026-09-01 20:00:00,2026-09-01 20:01:00,已完成",
        "'6900000000000000001\t,'6900000000000000012\t,牛奶,1L,1,'3600000002\t,MLK,10.00,10.00,周末,13500135001,某市某路,2026-09-01 20:00:00,2026-09-01 20:01:00,已完成",
        "'6900000000000000002\t,'6900000000000000021\t,牛奶,1L,1,'3600000002\t,MLK,10.00,10.00,吴*,135****5002,某市某路,2026-09-02 20:00:00,-,待支付",
    ]
    return ("\ufeff" + "\n".join([head, *rows, ""])).encode()


def pdd_orders():
    head = "商品,订单号,订单状态,商品总价(元),用户实付金额(元),商家实收金额(元),商品数量(件),收货人,手机,省,市,区,街道,详细地址,商品规格,订单成交时间,拼单成功时间,确认收货时间"
    rows = [
        "毛巾,260901-000000000000001,已收货,20.00,18.00,20.00,2,郑好,13400134001,浙江,杭州,某区,某街,1号,白色,2026-09-01 10:00:00,2026-09-01 10:05:00,2026-09-04 10:00:00",
        "毛巾,260902-000000000000002,已发货，退款成功,10.00,10.00,10.00,1,郑好,13400134001,浙江,杭州,某区,某街,1号,白色,2026-09-02 10:00:00,2026-09-02 10:05:00,",
        "毛巾,260903-000000000000003,待发货,10.00,10.00,10.00,1,冯*,134****4003,浙江,杭州,某区,某街,2号,白色,2026-09-03 10:00:00,2026-09-03 10:05:00,",
    ]
    return ("\ufeff" + "\r\n".join([head, *rows, ""])).encode()


def shopify_orders():
    head = ("Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total,"
            "Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,"
            "Billing Name,Billing Street,Shipping Name,Notes,Refunded Amount,Vendor,Id,Phone")
    rows = [
        "#1001,rosa@example.com,paid,2026-09-01 10:00:05 +0100,fulfilled,2026-09-02 10:00:00 +0100,no,GBP,40.00,5.00,0.00,45.00,WELCOME,0.00,Standard,2026-09-01 10:00:00 +0100,2,Mug,10.00,MUG,Rosa Becker,1 Some Street,Rosa Becker,\"ring, twice\",0.00,Kiln,5001,",
        "#1001,rosa@example.com,,,,,,,,,,,,,,2026-09-01 10:00:00 +0100,1,Pot,20.00,POT,,,,,,Kiln,,",
        "#1002,,partially_refunded,2026-09-02 10:00:05 +0100,,,no,GBP,30.00,0.00,0.00,30.00,,0.00,Standard,2026-09-02 10:00:00 +0100,1,Jug,30.00,JUG,Karl Keller,2 Some Street,Karl Keller,,12.00,Kiln,5002,+441164960108",
        "#1003,nina@example.com,pending,,,,no,GBP,30.00,0.00,0.00,30.00,,0.00,Standard,2026-09-03 10:00:00 +0100,1,Jug,30.00,JUG,Nina Nowak,3 Some Street,Nina Nowak,,0.00,Kiln,5003,",
    ]
    return "\n".join([head, *rows, ""]).encode()


def shopify_customers():
    head = "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,Default Address Address1,Default Address City,Default Address Zip,Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,Tax Exempt,Tags"
    rows = [
        "'7001,Rosa,Becker,rosa@example.com,yes,,1 Some Street,Leicester,LE1,,,no,45.00,1,,no,vip",
        "'7002,Karl,Keller,,no,,2 Some Street,Leicester,LE1,,'+441164960108,no,30.00,1,likes jugs,no,",
    ]
    return "\n".join([head, *rows, ""]).encode()


SHEET = '<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'


def cell(place, value):
    kind, text = value
    text = str(text).replace("&", "&amp;").replace("<", "&lt;")
    if kind == "text":
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
    if kind == "date":
        return f'<c r="{place}" s="1"><v>{text}</v></c>'
    if kind == "error":
        return f'<c r="{place}" t="e"><f>1/0</f><v>{text}</v></c>'
    return f'<c r="{place}"><v>{text}</v></c>'


def workbook(sheets):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        def add(name, text):
            book.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
        main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        pack = "http://schemas.openxmlformats.org/package/2006"
        part = "application/vnd.openxmlformats-officedocument.spreadsheetml"
        overrides = "".join(f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{part}.worksheet+xml"/>' for n in range(1, len(sheets) + 1))
        add("[Content_Types].xml", f'<?xml version="1.0"?><Types xmlns="{pack}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{part}.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="{part}.styles+xml"/>{overrides}</Types>')
        add("_rels/.rels", f'<?xml version="1.0"?><Relationships xmlns="{pack}/relationships"><Relationship Id="r1" Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>')
        names = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="s{n}"/>' for n, (name, _) in enumerate(sheets, 1))
        add("xl/workbook.xml", f'<?xml version="1.0"?><workbook xmlns="{main}" xmlns:r="{rel}"><sheets>{names}</sheets></workbook>')
        rels = "".join(f'<Relationship Id="s{n}" Type="{rel}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in range(1, len(sheets) + 1))
        add("xl/_rels/workbook.xml.rels", f'<?xml version="1.0"?><Relationships xmlns="{pack}/relationships">{rels}<Relationship Id="st" Type="{rel}/styles" Target="styles.xml"/></Relationships>')
        add("xl/styles.xml", f'<?xml version="1.0"?><styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>')
        for n, (_, rows) in enumerate(sheets, 1):
            xml = "".join(
                f'<row r="{number}">' + "".join(cell(f"{letter}{number}", value) for letter, value in zip("ABCDEFGHIJ", row) if value is not None) + "</row>"
                for number, row in rows)
            add(f"xl/worksheets/sheet{n}.xml", SHEET.format(xml))
    return out.getvalue()


def orders_xlsx():
    def text(value):
        return ("text", value)

    def number(value):
        return ("number", value)
    head = [text(name) for name in ("order_id", "customer_id", "paid_at", "total", "product")]
    # 46266.375 is 2026-09-01T09:00.
    rows = [
        (3, head),
        (4, [text("202609010000000001"), text("c1"), ("date", 46266.375), number("12.5"), text("Mug")]),
        (6, [number("536365"), text("c2"), ("date", 46267), number("0.30000000000000004"), None]),
        (7, [number("2.02609010000000001E17"), text("c2"), ("date", 46267), number("7"), None]),
        (8, [text("o8"), text("c2"), text("2026/9/3 10:00"), ("error", "#DIV/0!"), None]),
        (9, [text("o9"), text("c2"), text("soon"), number("7"), None]),
    ]
    return workbook([("Read me", []), ("Orders", rows)])


FILES = {
    "taobao_orders.csv": taobao_orders,
    "taobao_items.csv": taobao_items,
    "jd_orders.csv": jd_orders,
    "douyin_orders.csv": douyin_orders,
    "pdd_orders.csv": pdd_orders,
    "shopify_orders.csv": shopify_orders,
    "shopify_customers.csv": shopify_customers,
    "orders.xlsx": orders_xlsx,
}

if __name__ == "__main__":
    for name, make in FILES.items():
        path = HERE / name
        if "--check" in sys.argv:
            if path.read_bytes() != make():
                sys.exit(f"{name} isn't what generate.py writes")
        else:
            path.write_bytes(make())
